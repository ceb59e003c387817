/// <reference path="../types.d.ts" />
/// <reference path="../longshore.d.ts" />
// @ts-check

// Gives a job without a label one by its tracker, and lets jobs of one's own tracker run before others.

/** @type {Record<string, string>} host of a tracker: label */
const labels = {
  "tracker.debian.org": "linux",
  "tracker.archive.org": "archive",
  "tracker.example.net": "ours",
}

onJobSubmit((e) => {
  for (const tracker of e.trackers) {
    const host = /^\w+:\/\/([^:/]+)/.exec(tracker)?.[1] ?? ""
    if (!labels[host]) continue
    e.label = e.label || labels[host]
    if (labels[host] === "ours") e.priority = 10
    return
  }
})
