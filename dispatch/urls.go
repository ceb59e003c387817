package dispatch

import (
	"context"
	"path"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/storage"
)

const (
	keyAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	keyRandom   = 20 // characters of it end a key
)

// linker is a store whose objects an agent on the same file system may link into place.
type linker interface {
	LinkPath(key string) (string, error)
}

// URLs presigns parts of the agent's current attempt. Parts of files that need nothing more get none, and
// neither do links where linking is not possible. attempt_stale, not_found, invalid_input, unavailable.
func (d *Dispatcher) URLs(ctx context.Context, agentID, jobID string, req collections.URLsRequest) (collections.URLsReply, error) {
	if len(req.Parts) > collections.MaxURLsPerRequest {
		return collections.URLsReply{}, invalidInput("parts", "Ask for at most 100 parts at once.")
	}
	job, err := d.current(agentID, jobID, req.Attempt)
	if err != nil {
		return collections.URLsReply{}, err
	}
	s := signer{d: d, job: job, attempt: req.Attempt, link: d.linkerFor(agentID, req.CanLink), targets: map[int]*target{}}
	reply := collections.URLsReply{URLs: make([]collections.URL, 0, len(req.Parts))}
	for _, ref := range req.Parts {
		url, err := s.sign(ctx, ref)
		if err != nil {
			return collections.URLsReply{}, err
		}
		if url != nil {
			reply.URLs = append(reply.URLs, *url)
		}
	}
	return reply, nil
}

func (d *Dispatcher) linkerFor(agentID string, canLink bool) linker {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.agents[agentID]; !canLink || a == nil || !a.local {
		return nil
	}
	l, _ := d.Store.(linker)
	return l
}

// signer signs the parts of one request; files are looked up once.
type signer struct {
	d       *Dispatcher
	job     *core.Record
	attempt int64
	link    linker
	targets map[int]*target
}

func (s *signer) sign(ctx context.Context, ref collections.PartRef) (*collections.URL, error) {
	t, err := s.target(ref.File)
	if err != nil || !t.isOpen() || t.Size == 0 {
		return nil, err
	}
	url := &collections.URL{File: ref.File, Number: ref.Number}
	partSize := collections.PartSize(t.Size)
	switch {
	case ref.Number < 0 || ref.Number > collections.PartCount(t.Size, partSize):
		return nil, invalidInput("parts", "There is no such part.")
	case ref.Number == 0:
		return s.linkTo(url, t)
	case t.Size <= partSize:
		return s.whole(ctx, url, t)
	}
	return s.part(ctx, url, t)
}

func (s *signer) target(index int) (*target, error) {
	if t := s.targets[index]; t != nil {
		return t, nil
	}
	t, err := findTarget(s.d.App, s.job.Id, index)
	if isNoRows(err) {
		return nil, invalidInput("parts", "The job has no such file to store.")
	}
	s.targets[index] = &t
	return &t, err
}

func (t *target) meta() storage.Meta {
	return storage.Meta{ContentType: t.Mime, Filename: path.Base(t.Path)}
}

func (s *signer) key(t *target) string {
	return keyPrefix(t.ObjectID, s.attempt) + randomKey()
}

func (s *signer) linkTo(url *collections.URL, t *target) (*collections.URL, error) {
	if s.link == nil {
		return nil, nil
	}
	url.Key = s.key(t)
	path, err := s.link.LinkPath(url.Key)
	if err != nil {
		return nil, unavailable(err)
	}
	url.LinkPath, url.ExpiresAt = path, s.d.Now().Add(collections.PresignedPartTTL)
	return url, nil
}

func (s *signer) whole(ctx context.Context, url *collections.URL, t *target) (*collections.URL, error) {
	url.Key = s.key(t)
	signed, err := s.d.Store.PresignPut(ctx, url.Key, t.Size, t.meta(), collections.PresignedPartTTL)
	return withSigned(url, signed, err)
}

func (s *signer) part(ctx context.Context, url *collections.URL, t *target) (*collections.URL, error) {
	if t.Upload == "" {
		if err := s.createUpload(ctx, t); err != nil {
			return nil, err
		}
	}
	if t.UploadID == "" { // stored whole and being checked, or given up
		return nil, nil
	}
	_, length := collections.PartRange(t.Size, t.PartSize, url.Number)
	signed, err := s.d.Store.PresignPart(ctx, t.Key, t.UploadID, url.Number, length, collections.PresignedPartTTL)
	return withSigned(url, signed, err)
}

// createUpload begins the upload at the store and then on record; who comes second aborts his own.
func (s *signer) createUpload(ctx context.Context, t *target) error {
	key, partSize := s.key(t), collections.PartSize(t.Size)
	id, err := s.d.Store.CreateUpload(ctx, key, t.Size, partSize, t.meta())
	if err != nil {
		return unavailable(err)
	}
	mine := *t
	mine.Upload, mine.UploadID, mine.Key, mine.PartSize = core.GenerateDefaultRandomId(), id, key, partSize
	var won bool
	err = hooks.InTransaction(s.d.App, func(tx core.App) (err error) {
		won, err = insertUpload(tx, &mine, s.attempt)
		return err
	})
	if err == nil && won {
		*t = mine
		return nil
	}
	if abortErr := s.d.Store.Abort(context.WithoutCancel(ctx), key, id); abortErr != nil {
		s.d.Logger.Warn("a spare upload could not be aborted; the sweeper will", "job", s.job.Id, "error", abortErr)
	}
	if err != nil {
		return err
	}
	*t, err = findTarget(s.d.App, s.job.Id, t.Index)
	return err
}

func withSigned(url *collections.URL, signed storage.SignedURL, err error) (*collections.URL, error) {
	if err != nil {
		return nil, unavailable(err)
	}
	url.URL, url.Headers, url.ExpiresAt = signed.URL, signed.Headers, signed.ExpiresAt
	return url, nil
}

func unavailable(cause error) error {
	return collections.Errorf(collections.CodeUnavailable, "The object store does not answer: %w", cause)
}
