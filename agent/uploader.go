package agent

import (
	"context"
	"slices"
	"sync"
)

// uploadsAtOnce is how many parts one agent PUTs at a time. Measured: more does not make a store faster.
const uploadsAtOnce = 4

// uploader runs the uploads of all jobs, a few at a time, and lets the jobs take turns.
type uploader struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queues []*uploadQueue // of jobs that have something; the first is next
	closed bool
}

type uploadQueue struct {
	job   *job
	tasks []func()
}

func newUploader() *uploader {
	u := &uploader{}
	u.wake = sync.NewCond(&u.mu)
	return u
}

// submit puts a task at the end of its job's queue. The task heeds its job's context.
func (u *uploader) submit(j *job, task func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.queues, func(q *uploadQueue) bool { return q.job == j })
	if i < 0 {
		i = len(u.queues)
		u.queues = append(u.queues, &uploadQueue{job: j})
	}
	u.queues[i].tasks = append(u.queues[i].tasks, task)
	u.wake.Signal()
}

// drop forgets a job's tasks that were not begun.
func (u *uploader) drop(j *job) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queues = slices.DeleteFunc(u.queues, func(q *uploadQueue) bool { return q.job == j })
}

// run works until ctx ends, and until every task that was begun has returned.
func (u *uploader) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, u.close)
	defer stop()
	var workers sync.WaitGroup
	for range uploadsAtOnce {
		workers.Go(func() {
			for task := u.next(); task != nil; task = u.next() {
				task()
			}
		})
	}
	workers.Wait()
}

func (u *uploader) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	u.wake.Broadcast()
}

// next answers the next job's next task, nil when the uploader closes.
func (u *uploader) next() func() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for len(u.queues) == 0 && !u.closed {
		u.wake.Wait()
	}
	if u.closed {
		return nil
	}
	q := u.queues[0]
	u.queues = u.queues[1:]
	task := q.tasks[0]
	if q.tasks = q.tasks[1:]; len(q.tasks) > 0 {
		u.queues = append(u.queues, q)
	}
	return task
}
