package sourcetest

import "slices"

// Checks returns all checks, in the order of [Run].
func Checks() []Check {
	return slices.Concat(
		campaignChecks(),
		tokenChecks(),
		valueChecks(),
		sessionChecks(),
		attachChecks(),
		expiryChecks(),
		watchChecks(),
		resignChecks(),
		transferChecks(),
		traceChecks(),
		observerChecks(),
		leftoverChecks(),
		contextChecks(),
		refusalChecks(),
		concurrencyChecks(),
		surveyChecks(),
	)
}
