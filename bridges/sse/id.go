package sse

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
)

// newEpoch names a handler among all that ever were: 64 bits of chance.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// formatID is the id of an event; with number 0 that of the beginning.
func formatID(epoch string, number uint64) string {
	return epoch + "-" + strconv.FormatUint(number, 10)
}

// parseID is the number of the event that id names. It reports false for what formatID does not make with that epoch.
func parseID(epoch, id string) (number uint64, ok bool) {
	text, ok := strings.CutPrefix(id, epoch+"-")
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || formatID(epoch, number) != id { // leading zeros
		return 0, false
	}
	return number, true
}
