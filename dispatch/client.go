package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/longshore-project/longshore/collections"
)

const (
	agentTimeout   = 10 * time.Second
	maxAgentAnswer = 1 << 20
)

// newClient speaks to agents at the addresses they enrolled with and nowhere else.
func newClient() *http.Client {
	return &http.Client{
		Timeout: agentTimeout,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends body to the agent's API. An error answer keeps its code; an agent that cannot be reached is agent_lost.
func (d *Dispatcher) post(ctx context.Context, a *agent, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.addressOf(a)+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	token, err := d.bearer(a.id)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if id := requestOf(body); id != "" {
		req.Header.Set(collections.RequestIDHeader, id)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return collections.Errorf(collections.CodeAgentLost, "The agent could not be reached: %w", err)
	}
	defer resp.Body.Close()
	return agentError(resp)
}

// requestOf answers the id of the submission that a call to an agent goes back to.
func requestOf(body any) string {
	switch b := body.(type) {
	case collections.StartRequest:
		return b.RequestID
	case collections.StopRequest:
		return b.RequestID
	}
	return ""
}

func (d *Dispatcher) addressOf(a *agent) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return a.address
}

func agentError(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAgentAnswer))
	if err != nil {
		return collections.Errorf(collections.CodeAgentLost, "The agent broke off its answer: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return nil
	}
	var answer struct {
		Code    collections.Code `json:"code"`
		Message string           `json:"message"`
	}
	if json.Unmarshal(b, &answer) != nil || answer.Code == "" {
		return &collections.Error{Code: collections.CodeInternal, Message: fmt.Sprintf("The agent answered %s.", resp.Status)}
	}
	return &collections.Error{Code: answer.Code, Message: answer.Message}
}
