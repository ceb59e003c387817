// Package fake is an engine that follows a script instead of a swarm. It ships, so that the
// road from magnet to file can be tested without one: the files it writes are real, match
// their hashes and survive its death, and it never opens a connection.
package fake

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/bencode"
	"github.com/longshore-project/longshore/plugins/payload"
)

// Mode says how the download goes on once Params.At is reached.
type Mode string

// The modes.
const (
	Complete Mode = "complete" // to its end
	Stall    Mode = "stall"    // nothing more comes
	Fail     Mode = "fail"     // an error event with Params.Code
	Crash    Mode = "crash"    // the process kills itself
	Hang     Mode = "hang"     // no call of the whole engine is ever answered again
)

// Params are the script of one torrent. They stand in the magnet (as x.fake and so
// on, and all of them once more in dn, which outlives a rewriting of the link) and in the
// info dictionary, so that a .torrent carries them as well. Everything else follows from them.
type Params struct {
	Mode        Mode
	Size        int64 // bytes of all files
	Files       int   // 0 and 1 make a single-file torrent
	PieceLength int64 // 0: as payload.Spec
	Rate        int64 // bytes per second; 0 is as fast as the disk
	At          int   // percent of the wanted bytes at which Mode begins
	Early       bool  // Mode begins before the metadata is told
	Always      bool  // Crash at every Add that finds At reached, not only when At is passed
	Code        plugins.ErrorCode
	Heal        time.Duration // after which Fail takes its error back and completes; 0: never
	Private     bool
	Seed        uint64 // makes another torrent of the same script
	Name        string // "" is the script itself
}

// Key of the script in the info dictionary.
const infoKey = "x.fake"

func (p Params) query() string {
	q := url.Values{"x.fake": {string(p.Mode)}, "x.size": {strconv.FormatInt(p.Size, 10)}}
	set := func(key string, n int64) {
		if n != 0 {
			q.Set(key, strconv.FormatInt(n, 10))
		}
	}
	flag := map[bool]int64{true: 1}
	set("x.files", int64(p.Files))
	set("x.piece", p.PieceLength)
	set("x.rate", p.Rate)
	set("x.at", int64(p.At))
	set("x.early", flag[p.Early])
	set("x.always", flag[p.Always])
	set("x.heal", p.Heal.Milliseconds())
	set("x.private", flag[p.Private])
	set("x.seed", int64(p.Seed))
	if p.Code != "" {
		q.Set("x.code", string(p.Code))
	}
	if p.Name != "" {
		q.Set("x.name", p.Name)
	}
	return q.Encode()
}

func parseQuery(q url.Values) (Params, error) {
	var err error
	number := func(key string) int64 {
		n, bad := strconv.ParseInt(q.Get(key), 10, 64)
		if bad != nil && q.Has(key) {
			err = fmt.Errorf("%s is no number: %q", key, q.Get(key))
		}
		return n
	}
	p := Params{
		Mode: Mode(q.Get("x.fake")), Size: number("x.size"), Files: int(number("x.files")),
		PieceLength: number("x.piece"), Rate: number("x.rate"), At: int(number("x.at")),
		Early: number("x.early") != 0, Always: number("x.always") != 0,
		Heal: time.Duration(number("x.heal")) * time.Millisecond, Private: number("x.private") != 0,
		Seed: uint64(number("x.seed")), Code: plugins.ErrorCode(q.Get("x.code")), Name: q.Get("x.name"),
	}
	switch p.Mode {
	case Complete, Stall, Fail, Crash, Hang:
		return p, err
	}
	return p, fmt.Errorf("x.fake has no such mode: %q", p.Mode)
}

// Payload makes the torrent of the script.
func (p Params) Payload() (*payload.Payload, error) {
	spec := payload.Spec{
		Name: p.Name, PieceLength: p.PieceLength, Private: p.Private, Seed: p.Seed,
		Extra: map[string]string{infoKey: p.query()},
	}
	if spec.Name == "" {
		spec.Name = p.query()
	}
	spec.Files, spec.Single = p.files(spec.Name)
	return payload.Make(spec)
}

// files shares Size out evenly; the last file takes the rest.
func (p Params) files(name string) (files []payload.File, single bool) {
	if p.Files <= 1 {
		return []payload.File{{Name: name, Size: p.Size}}, true
	}
	each := p.Size / int64(p.Files)
	for i := range p.Files {
		files = append(files, payload.File{Name: fmt.Sprintf("part %d/file %03d.bin", i%3, i), Size: each})
	}
	files[p.Files-1].Size = p.Size - each*int64(p.Files-1)
	return files, false
}

// Magnet answers the magnet link of the script; its infohash is that of Payload.
func (p Params) Magnet() (string, error) {
	made, err := p.Payload()
	if err != nil {
		return "", err
	}
	name := url.QueryEscape(p.query())
	return "magnet:?xt=urn:btih:" + string(made.Infohash) + "&dn=" + name + "&" + p.query(), nil
}

// ofMagnet reads a script from a magnet link's own parameters, else from its name.
func ofMagnet(link string) (Params, collections.Infohash, error) {
	m, err := collections.ParseMagnet(link)
	if err != nil {
		return Params{}, "", err
	}
	_, query, _ := strings.Cut(link, "?")
	q, err := url.ParseQuery(query)
	if err == nil && !q.Has("x.fake") {
		q, err = url.ParseQuery(m.Name)
	}
	if err != nil {
		return Params{}, "", err
	}
	p, err := parseQuery(q)
	return p, m.Infohash, err
}

// ofMetainfo reads a script from a .torrent.
func ofMetainfo(torrent []byte) (Params, collections.Infohash, error) {
	m, err := collections.ParseMetainfo(torrent)
	if err != nil {
		return Params{}, "", err
	}
	info, _, err := bencode.Decode(m.InfoBytes)
	if err != nil {
		return Params{}, "", err
	}
	script, ok := info.(bencode.Dict)[infoKey].(string)
	if !ok {
		return Params{}, "", fmt.Errorf("the torrent has no script")
	}
	q, err := url.ParseQuery(script)
	if err != nil {
		return Params{}, "", err
	}
	p, err := parseQuery(q)
	return p, m.Infohash, err
}
