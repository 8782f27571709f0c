module github.com/leadership-go/leadership/bridges/ro

go 1.26.7

require (
	github.com/leadership-go/leadership v0.0.0
	github.com/samber/lo v1.52.0
	github.com/samber/ro v0.3.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	golang.org/x/exp v0.0.0-20260218203240-3dfff04db8fa // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/leadership-go/leadership => ../..
