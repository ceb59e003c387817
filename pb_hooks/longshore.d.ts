// What Longshore adds to PocketBase's scripts. docs/scripts.md tells how to write one.

/** Asked before a job is accepted. Throw a ForbiddenError to refuse it: its text reaches the person. */
declare function onJobSubmit(handler: (e: longshore.JobSubmitEvent) => void): void

/** Told after a job's status has changed, of those statuses only that are named. */
declare function onJobStatus(handler: (e: longshore.JobStatusEvent) => void, ...statuses: longshore.Status[]): void

/** Told after a file of a job has become complete: it can be fetched from then on. */
declare function onFileComplete(handler: (e: longshore.FileCompleteEvent) => void): void

/** Asked before links to files of a job are signed, once for all files of a request. Throw a ForbiddenError to refuse. */
declare function onLinkSign(handler: (e: longshore.LinkSignEvent) => void): void

declare const $longshore: longshore.Api

declare namespace longshore {
  type Status =
    | "queued"
    | "fetching_metadata"
    | "awaiting_selection"
    | "downloading"
    | "uploading"
    | "paused"
    | "completed"
    | "failed"
    | "cancelled"

  interface User {
    readonly id: string
    readonly email: string
    readonly role: "user" | "admin"
    readonly disabled: boolean
    readonly created_at: string
    readonly plan: string
  }

  interface Job {
    readonly id: string
    readonly user_id: string
    readonly name: string
    readonly infohash: string
    readonly infohash_v2: string
    readonly status: Status
    readonly desired: "run" | "pause" | "cancel"
    readonly magnet_uri: string
    readonly engine: string
    readonly agent_id: string
    readonly attempt: number
    readonly size_bytes: number
    readonly done_bytes: number
    readonly stored_bytes: number
    readonly error: string
    readonly error_code: string
    readonly label: string
    readonly priority: number
    readonly created_at: string
    readonly updated_at: string
    readonly completed_at: string
  }

  /** A file as an event tells of it. */
  interface EventFile {
    readonly id: string
    readonly path: string
    readonly size_bytes: number
  }

  /** A file as find answers it. */
  interface File extends EventFile {
    readonly job_id: string
    readonly user_id: string
    readonly mime_type: string
    readonly selected: boolean
    readonly is_complete: boolean
  }

  interface Event {
    /** Does nothing: every handler is heard, whether the one before calls it or not. */
    next(): void
  }

  interface JobSubmitEvent extends Event {
    readonly user: User
    readonly name: string
    readonly infohash: string
    readonly magnet: string
    readonly trackers: readonly string[]
    /** 0 while unknown, as for most magnets. */
    readonly size_bytes: number
    /** Paths; empty while unknown, as for every magnet. */
    readonly files: readonly string[]
    label: string
    /** A whole number; higher runs first. */
    priority: number
    /** Name of an engine; empty for the agent's default. */
    engine: string
  }

  interface JobStatusEvent extends Event {
    /** As it was when the status changed. */
    readonly job: Job
    /** null when the account is gone. */
    readonly user: User | null
    /** Empty for a new job. */
    readonly from: Status | ""
    readonly to: Status
  }

  interface FileCompleteEvent extends Event {
    readonly job: Job
    readonly user: User | null
    readonly file: EventFile
  }

  interface LinkSignEvent extends Event {
    readonly user: User
    readonly job: Job
    readonly files: readonly EventFile[]
  }

  interface Collections {
    jobs: Job
    files: File
    users: Omit<User, "plan">
  }

  interface Submission {
    magnet: string
    /** Id or e-mail address. */
    user: string
    label?: string
    engine?: string
    priority?: number
    /** Indexes of files, from 0; all without it. */
    selection?: number[]
  }

  /** What submit and cancel throw: code is one of the API's codes. */
  interface ApiFailure extends Error {
    readonly code: string
    readonly data?: Record<string, unknown>
  }

  interface Api {
    /** Finds records with PocketBase's filter language, newest first, 100 unless limit says more (at most 1,000). */
    find<C extends keyof Collections>(
      collection: C,
      filter: string,
      params?: Record<string, string | number | boolean>,
      options?: { sort?: string; limit?: number },
    ): Collections[C][]

    /** Submits a job in a user's name; blocklist, quotas and onJobSubmit judge it. Not in onJobSubmit and onLinkSign. */
    submit(job: Submission): Job

    /** Cancels a job. Not in onJobSubmit and onLinkSign. */
    cancel(id: string): Job

    /**
     * Sends payload as JSON by POST, in the background and up to five times. Answers false when too many webhooks wait.
     * Private networks are refused unless LONGSHORE_ALLOW_PRIVATE_NETWORK=1.
     */
    notify(url: string, payload: unknown, options?: { headers?: Record<string, string> }): boolean
  }
}
