package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
)

const (
	controlTimeout  = 30 * time.Second
	maxControlReply = 16 << 20
)

// control is the client of the control plane's agent routes. An answer other than 2xx
// becomes a *collections.Error with the code that came with it.
type control struct {
	base     string
	identity *identity // nil before enrolment
	client   *http.Client
}

func newControl(server string, id *identity) *control {
	return &control{
		base: strings.TrimSuffix(server, "/") + "/api/v1", identity: id,
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *control) enrol(ctx context.Context, req collections.EnrolRequest) (reply collections.EnrolReply, err error) {
	return reply, c.postJSON(ctx, "/agents/enrol", req, &reply)
}

// self answers nil when the control plane knows the agent.
func (c *control) self(ctx context.Context) error {
	return c.send(ctx, http.MethodGet, "/agents/self", "application/json", nil, &collections.AgentSelf{})
}

// report takes a report already in JSON.
func (c *control) report(ctx context.Context, body []byte) (reply collections.ReportReply, err error) {
	return reply, c.send(ctx, http.MethodPost, "/jobs/callback", "application/json", body, &reply)
}

func (c *control) metainfo(ctx context.Context, jobID string, attempt int64, info []byte) (reply collections.MetainfoReply, err error) {
	path := "/jobs/" + url.PathEscape(jobID) + "/metainfo?attempt=" + strconv.FormatInt(attempt, 10)
	return reply, c.send(ctx, http.MethodPut, path, "application/octet-stream", info, &reply)
}

func (c *control) urls(ctx context.Context, jobID string, req collections.URLsRequest) (reply collections.URLsReply, err error) {
	return reply, c.postJSON(ctx, "/jobs/"+url.PathEscape(jobID)+"/uploads", req, &reply)
}

func (c *control) postJSON(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, path, "application/json", body, out)
}

func (c *control) send(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	if id := collections.RequestIDOf(ctx); id != "" {
		req.Header.Set(collections.RequestIDHeader, id)
	}
	if c.identity != nil {
		token, err := c.identity.sign(time.Now())
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxControlReply))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return controlError(resp.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("answer to %s: %w", path, err)
	}
	return nil
}

// controlError reads the common error shape; an answer without it gets a code by its status.
func controlError(status int, answer []byte) error {
	var body struct {
		Code    collections.Code `json:"code"`
		Message string           `json:"message"`
	}
	if err := json.Unmarshal(answer, &body); err != nil || body.Code == "" {
		body.Message = fmt.Sprintf("the control plane answered %d", status)
		body.Code = codeOfStatus(status)
	}
	return &collections.Error{Code: body.Code, Message: body.Message}
}

func codeOfStatus(status int) collections.Code {
	switch status {
	case http.StatusUnauthorized:
		return collections.CodeUnauthorized
	case http.StatusTooManyRequests:
		return collections.CodeRateLimited
	}
	if status/100 == 5 {
		return collections.CodeUnavailable
	}
	return collections.CodeInternal
}

// refused says whether the control plane understood a request and said no for good: asking again is of no use.
func refused(err error) bool {
	e, ok := errors.AsType[*collections.Error](err)
	if !ok {
		return false
	}
	status := e.Code.HTTPStatus()
	return e.Code == collections.CodeJobEnded ||
		status/100 == 4 && status != http.StatusTooManyRequests
}

// unrecognised says whether the control plane does not know this agent (any more). It may be a wrong clock, so asking again can help.
func unrecognised(err error) bool {
	return collections.CodeOf(err) == collections.CodeUnauthorized
}
