// Package progress keeps the live state of running jobs in memory and owns all
// realtime traffic: what reaches whose browser.
package progress

import "github.com/longshore-project/longshore/collections"

// Verdict says why a job stands where it stands.
type Verdict struct {
	Code    collections.Code `json:"code"`
	Message string           `json:"message"`
}

// Board holds the latest progress of every running job. Its methods never block on a client.
type Board struct{}

// NewBoard answers an empty board.
func NewBoard() *Board { return &Board{} }

// Report takes a job's newest figures, gives them the next version and sends them to the owner's browsers.
func (b *Board) Report(owner string, p collections.Progress) { panic("unwritten") }

// Get answers the latest figures of a job, if it runs.
func (b *Board) Get(jobID string) (collections.Progress, bool) { panic("unwritten") }

// SetVerdict notes why a job stands still; an empty code removes the note.
func (b *Board) SetVerdict(jobID string, v Verdict) { panic("unwritten") }

// Verdict answers the note.
func (b *Board) Verdict(jobID string) (Verdict, bool) { panic("unwritten") }

// Forget drops what is known of a job that ended or no longer runs.
func (b *Board) Forget(jobID string) { panic("unwritten") }

// FilesChanged tells the owner's browsers of files of one job that changed in one transaction (ids of file records).
func (b *Board) FilesChanged(owner, jobID string, fileIDs []string) { panic("unwritten") }
