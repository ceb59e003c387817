package e2e

import (
	"fmt"
	"time"
)

// waitUsage waits until the user's usage is that of files of that many bytes which were downloaded, kept and fetched once.
func (c *client) waitUsage(bytes int64) {
	c.t.Helper()
	eventually(c.t, "the usage of all that was moved", 30*time.Second, func() error {
		var now struct {
			Storage   int64 `json:"storage_used"`
			Bandwidth int64 `json:"bandwidth_used"`
			Jobs      int64 `json:"jobs_active"`
		}
		if err := c.json("GET", "/usage", nil, 200, &now); err != nil {
			return err
		}
		var days struct {
			Items []struct {
				Downloaded int64 `json:"bytes_downloaded"`
				Jobs       int64 `json:"jobs_count"`
			} `json:"items"`
		}
		if err := c.json("GET", "/usage/history?days=1", nil, 200, &days); err != nil {
			return err
		}
		today := days.Items[0]
		if now.Storage != bytes || now.Bandwidth != bytes || now.Jobs != 0 || today.Downloaded < bytes || today.Jobs != 1 {
			return fmt.Errorf("usage %+v, today %+v, of %d bytes", now, today, bytes)
		}
		return nil
	})
}
