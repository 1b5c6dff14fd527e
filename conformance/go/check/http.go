package check

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// Answer is what came back from a plain request.
type Answer struct {
	Status int
	Text   string
	Header http.Header
}

// Plain makes a request that a client has no method for. A body that is no string travels as its JSON.
func Plain(method, url, key string, body any, headers ...string) Answer {
	text, isText := body.(string)
	if body != nil && !isText {
		encoded, err := json.Marshal(body)
		text = string(Must("body of "+method+" "+url, encoded, err))
	}
	request, err := http.NewRequest(method, url, bytes.NewReader([]byte(text)))
	Must("request to "+url, request, err)
	request.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for at := 0; at+1 < len(headers); at += 2 {
		request.Header.Set(headers[at], headers[at+1])
	}
	answer, err := http.DefaultClient.Do(request)
	Must(method+" "+url, answer, err)
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	Must("answer of "+url, read, err)
	return Answer{Status: answer.StatusCode, Text: string(read), Header: answer.Header}
}

// JSON reads the answer, which must have this status, into a value of the caller's type.
func JSON[T any](promise string, answer Answer, status int) (value T) {
	if answer.Status != status {
		Difference("%s\n  expected: %d\n  actual:   %d %s", promise, status, answer.Status, answer.Text)
	}
	if err := json.Unmarshal([]byte(answer.Text), &value); err != nil {
		Difference("%s: no JSON in %q: %v", promise, answer.Text, err)
	}
	return value
}
