package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/workos/workos-go/v4/pkg/workos_errors"
)

// The first difference ends the run.
func difference(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "DIFFERENCE  "+format+"\n", arguments...)
	os.Exit(1)
}

// same says that actual is exactly expected.
func same(promise string, actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		difference("%s\n  expected: %#v\n  actual:   %#v", promise, expected, actual)
	}
	fmt.Println("ok ", promise)
}

// holds says that condition is true; seen is printed when it is not.
func holds(promise string, condition bool, seen any) {
	if !condition {
		difference("%s\n  seen: %#v", promise, seen)
	}
	fmt.Println("ok ", promise)
}

// must unwraps an answer that nothing should refuse.
func must[T any](promise string, answer T, err error) T {
	if err != nil {
		difference("%s: %v", promise, err)
	}
	return answer
}

// refused says that err is the SDK's error for an answer with this status, and gives it back.
func refused(promise string, status int, err error) workos_errors.HTTPError {
	var answer workos_errors.HTTPError
	if !errors.As(err, &answer) {
		difference("%s\n  expected: HTTPError %d\n  actual:   %T %v", promise, status, err, err)
	}
	if answer.Code != status || answer.RequestID == "" {
		difference("%s\n  expected: %d with a request id\n  actual:   %d %q, body %s", promise, status, answer.Code, answer.RequestID, answer.RawBody)
	}
	fmt.Printf("ok  %s: HTTPError %d\n", promise, status)
	return answer
}

// eventually calls until done; an answer that never comes is a difference.
func eventually[T any](promise string, limit time.Duration, call func() T, done func(T) bool) T {
	end := time.Now().Add(limit)
	for {
		answer := call()
		if done(answer) {
			return answer
		}
		if time.Now().After(end) {
			difference("%s within %s\n  seen: %#v", promise, limit, answer)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
