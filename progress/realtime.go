package progress

import (
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// Bind takes over the realtime of users and has changes of jobs told after their commit.
func (b *Board) Bind(app core.App) {
	b.app = app
	app.OnRealtimeConnectRequest().BindFunc(b.connect)
	app.OnRealtimeSubscribeRequest().BindFunc(b.subscribe)
	app.OnRealtimeMessageSend().BindFunc(b.limitWrite)
	app.OnRecordAfterCreateSuccess("jobs").BindFunc(b.tell("create"))
	app.OnRecordAfterUpdateSuccess("jobs").BindFunc(b.tell("update"))
	app.OnRecordAfterDeleteSuccess("jobs").BindFunc(b.tell("delete"))
	b.bindAccess(app)
}

func (b *Board) tell(action string) func(*core.RecordEvent) error {
	return func(e *core.RecordEvent) error {
		b.jobChanged(action, e.Record)
		return e.Next()
	}
}

// connect puts our connection in the place of PocketBase's. Who holds it is settled when it subscribes: SDKs send
// their key only then, and the dashboard's connection carries the cookie of a user of the same browser.
func (b *Board) connect(e *core.RealtimeConnectRequestEvent) error {
	c := newClient()
	if !b.conns.assign(c, holderOf(e.RequestEvent)) {
		return e.TooManyRequestsError("Too many realtime connections are open.", nil)
	}
	defer b.conns.release(c)
	c.Set(apis.RealtimeClientIPKey, e.Client.Get(apis.RealtimeClientIPKey))
	e.Client = c
	timer := time.AfterFunc(b.guestLimit, func() {
		if len(c.DefaultClient.Subscriptions()) == 0 {
			b.app.SubscriptionsBroker().Unregister(c.Id())
		}
	})
	defer timer.Stop()
	return e.Next()
}

func (b *Board) subscribe(e *core.RealtimeSubscribeRequestEvent) error {
	c, ours := e.Client.(*client)
	if !ours {
		return e.ForbiddenError("", nil)
	}
	h := holderOf(e.RequestEvent)
	for _, topic := range e.Subscriptions {
		if err := authorise(e, h, topic); err != nil {
			return err
		}
	}
	if !b.conns.assign(c, h) {
		return e.TooManyRequestsError("Too many realtime connections are open.", nil)
	}
	return e.Next()
}

var recordTopic = regexp.MustCompile(`^(jobs|files)/([a-z0-9]{15}|\*)$`)

// authorise answers nil for a topic that h may have. A record's topic needs no look-up: messages go to the owner only.
func authorise(e *core.RealtimeSubscribeRequestEvent, h holder, topic string) error {
	switch {
	case e.HasSuperuserAuth():
		return nil
	case !h.user:
		return e.UnauthorizedError("Sign in first.", nil)
	case topic == topicConnect, topic == topicProgress, topic == topicVerdicts, recordTopic.MatchString(topic):
		return nil
	case h.admin && (topic == topicProgressAll || topic == topicJobsAll):
		return nil
	}
	return e.ForbiddenError("There is no such topic for you. Topics take no options.", nil)
}

// limitWrite drops a reader that takes nothing. The limit is lifted after each message: a deadline that stays
// set ends an idle HTTP/2 stream.
func (b *Board) limitWrite(e *core.RealtimeMessageEvent) error {
	rc := http.NewResponseController(e.Response)
	if err := rc.SetWriteDeadline(time.Now().Add(b.writeLimit)); err != nil {
		return err
	}
	err := e.Next()
	return errors.Join(err, rc.SetWriteDeadline(time.Time{}))
}
