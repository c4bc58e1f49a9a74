package slash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// rest is the little of Discord's REST API that the bot needs. A library would do as well: all that
// matters to a test is that its base and its HTTP client can be chosen.
type rest struct {
	base   string
	client *http.Client
	token  string
}

// call makes one call. A call that comes too early is made again when it may.
func (r *rest) call(ctx context.Context, method, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for {
		wait, err := r.try(ctx, method, path, data)
		if wait == 0 {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// try makes a call once, and says how long to wait if it came too early.
func (r *rest) try(ctx context.Context, method, path string, data []byte) (wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bot "+r.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "DiscordBot (https://example.com, 1)")
	response, err := r.client.Do(request)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return 0, wrapped.Err // without the URL, in which there may be an interaction's token
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	var problem struct {
		Message    string
		Code       int
		RetryAfter float64 `json:"retry_after"` // seconds
	}
	switch {
	case response.StatusCode < 300:
		return 0, nil
	case json.Unmarshal(text, &problem) != nil:
		return 0, fmt.Errorf("%s: %s", method, response.Status)
	case response.StatusCode == http.StatusTooManyRequests:
		return max(time.Duration(problem.RetryAfter*float64(time.Second)), time.Millisecond), nil
	}
	return 0, fmt.Errorf("%s: %s: %s (%d)", method, response.Status, problem.Message, problem.Code)
}
