// Package check says what was seen to hold: one line per promise, and the first difference ends the run.
package check

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// What the identifiers and the times of the server look like.
var (
	ULID      = "[0-9A-HJKMNP-TV-Z]{26}"
	Timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

// Difference ends the run.
func Difference(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "DIFFERENCE  "+format+"\n", arguments...)
	os.Exit(1)
}

// Required gives an environment variable that the journey cannot do without.
func Required(name string) string {
	value := os.Getenv(name)
	if value == "" {
		Difference("%s is not set", name)
	}
	return strings.TrimSuffix(value, "/")
}

// Same says that actual is exactly expected.
func Same(promise string, actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		Difference("%s\n  expected: %#v\n  actual:   %#v", promise, expected, actual)
	}
	fmt.Println("ok ", promise)
}

// Holds says that condition is true; seen is printed when it is not.
func Holds(promise string, condition bool, seen any) {
	if !condition {
		Difference("%s\n  seen: %#v", promise, seen)
	}
	fmt.Println("ok ", promise)
}

// Must unwraps an answer that nothing should refuse.
func Must[T any](promise string, answer T, err error) T {
	if err != nil {
		Difference("%s: %v", promise, err)
	}
	return answer
}

// Eventually calls until done; an answer that never comes is a difference.
func Eventually[T any](promise string, limit time.Duration, call func() T, done func(T) bool) T {
	end := time.Now().Add(limit)
	for {
		answer := call()
		if done(answer) {
			return answer
		}
		if time.Now().After(end) {
			Difference("%s within %s\n  seen: %#v", promise, limit, answer)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// IsID says whether id is the prefix and a ULID.
func IsID(prefix, id string) bool {
	return regexp.MustCompile("^" + prefix + ULID + "$").MatchString(id)
}
