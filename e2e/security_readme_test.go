package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// README shows the rights that the tests of this package try.
func TestSecurityReadmeShowsTheRightsThatAreTested(t *testing.T) {
	t.Parallel()
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	readme := words(string(must(os.ReadFile("../README.md"))(t)))
	for _, name := range []string{"consul-policy.hcl", "etcd-role.txt"} {
		rights := words(regexp.MustCompile(`(?m)#.*$`).ReplaceAllString(document(t, name), ""))
		if rights == "" || !strings.Contains(readme, rights) || !strings.Contains(readme, "(docs/"+name+")") {
			t.Errorf("README.md does not show what docs/%s does: %s", name, rights)
		}
	}
}
