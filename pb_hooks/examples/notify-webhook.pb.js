/// <reference path="../types.d.ts" />
/// <reference path="../longshore.d.ts" />
// @ts-check

// Tells a chat, a home automation or anything else with a web address when a job has ended.
//
// The address comes from the environment of "longshore serve": WEBHOOK_URL. Without it nothing is sent. The webhook is
// sent in the background and tried again when the server does not answer.

onJobStatus(
  (e) => {
    const url = $os.getenv("WEBHOOK_URL")
    if (!url) return
    $longshore.notify(url, {
      event: `job.${e.to}`,
      job: { id: e.job.id, name: e.job.name, label: e.job.label, size_bytes: e.job.size_bytes, error: e.job.error },
      user: e.user?.email ?? null,
    })
  },
  "completed",
  "failed",
)
