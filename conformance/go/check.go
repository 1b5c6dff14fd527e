package main

import (
	"errors"
	"fmt"

	"annals.example/conformance/check"
	"github.com/workos/workos-go/v4/pkg/workos_errors"
)

// refused says that err is the SDK's error for an answer with this status, and gives it back.
func refused(promise string, status int, err error) workos_errors.HTTPError {
	var answer workos_errors.HTTPError
	if !errors.As(err, &answer) {
		check.Difference("%s\n  expected: HTTPError %d\n  actual:   %T %v", promise, status, err, err)
	}
	if answer.Code != status || answer.RequestID == "" {
		check.Difference("%s\n  expected: %d with a request id\n  actual:   %d %q, body %s", promise, status, answer.Code, answer.RequestID, answer.RawBody)
	}
	fmt.Printf("ok  %s: HTTPError %d\n", promise, status)
	return answer
}
