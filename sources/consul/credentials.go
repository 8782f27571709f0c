package consul

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// credentials is the ACL token that requests carry.
type credentials struct {
	file string // "" when the token can't change

	mu    sync.Mutex
	token string // "" leaves it to the client and the agent
	stale bool   // the store refused it: read the file again
}

// newCredentials finds the token: the option, else the environment, in which a file comes first. A client that was given has
// a token of its own.
func newCredentials(s settings) (*credentials, error) {
	c := &credentials{file: s.tokenFile, token: s.token}
	if c.token == "" && c.file == "" && s.client == nil {
		c.file, c.token = os.Getenv(api.HTTPTokenFileEnvName), os.Getenv(api.HTTPTokenEnvName)
	}
	if c.file == "" {
		return c, nil
	}
	token, err := readToken(c.file)
	if err != nil {
		return nil, leadership.InvalidConfig("consul token file", c.file, "can't be read: "+err.Error())
	}
	c.token = token
	return c, nil
}

func readToken(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return token, nil
}

// current is the token to send. A file that can't be read now leaves the old one, which the store then refuses again.
func (c *credentials) current() string {
	c.mu.Lock()
	token, stale := c.token, c.stale
	c.mu.Unlock()
	if !stale || c.file == "" {
		return token
	}
	fresh, err := readToken(c.file)
	if err != nil {
		return token
	}
	c.mu.Lock()
	c.token, c.stale = fresh, false
	c.mu.Unlock()
	return fresh
}

// refused notes that the store did not accept the token.
func (c *credentials) refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = true
}
