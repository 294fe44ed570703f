//! The kinds of problems: a table of name, status, title and advice. It must not know how they come about.

use axum::http::StatusCode;

macro_rules! kinds {
    ($($kind:ident $name:literal $status:ident $title:literal $fix:expr, $retry:expr;)*) => {
        /// A kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $(#[doc = $title] $kind),* }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name in `type`.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            /// The status of the answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status),* }
            }

            /// The same words for every problem of the kind.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title),* }
            }

            /// What usually helps.
            pub(crate) const fn fix(self) -> Option<&'static str> {
                match self { $(Self::$kind => $fix),* }
            }

            /// Seconds after which to try again, where that can help.
            pub(crate) const fn retry_after(self) -> Option<u64> {
                match self { $(Self::$kind => $retry),* }
            }
        }
    };
}

kinds! {
    BadRequest "bad-request" BAD_REQUEST "The call cannot be understood"
        Some("see the page /docs of the scheduler for what this call takes"), None;
    BadJob "bad-job" UNPROCESSABLE_ENTITY "The job is not valid"
        Some("`dayfly schema job` prints what a job file may hold"), None;
    Unauthorized "unauthorized" UNAUTHORIZED "A token is needed"
        Some("send `Authorization: Bearer dfy_…` with a token that is known and has not ended"), None;
    Forbidden "forbidden" FORBIDDEN "The token does not allow this"
        Some("ask an administrator for a token with the permission that is named"), None;
    NotFound "not-found" NOT_FOUND "There is no such thing"
        None, None;
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "This cannot be done with that"
        Some("the header Allow says which methods there are"), None;
    Timeout "timeout" REQUEST_TIMEOUT "The call took too long to arrive"
        Some("send the body without long pauses, and a large one faster"), None;
    Ended "ended" CONFLICT "The job has ended"
        None, None;
    StaleAttempt "stale-attempt" CONFLICT "The attempt has lost its lease"
        Some("stop the job and say no more about it: another attempt counts now"), None;
    WrongState "wrong-state" CONFLICT "The job's state does not allow this"
        None, None;
    NotEnded "not-ended" CONFLICT "The job has not ended"
        Some("wait for its end, or cancel it"), None;
    Taken "taken" CONFLICT "The name is taken"
        None, None;
    KeyReused "key-reused" UNPROCESSABLE_ENTITY "The Idempotency-Key belongs to another job"
        Some("use a new key for every new job"), None;
    LogGap "log-gap" CONFLICT "The piece of log does not follow the last"
        Some("send from where the log ends"), None;
    NoSecret "no-secret" UNPROCESSABLE_ENTITY "A secret is missing"
        None, None;
    TooLarge "too-large" PAYLOAD_TOO_LARGE "The body is too large"
        None, None;
    HeadersTooLarge "headers-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE "The headers are too large"
        Some("send less than 16 KiB of headers"), None;
    UriTooLong "uri-too-long" URI_TOO_LONG "The address is too long"
        Some("send less than 4 KiB of path and query"), None;
    UnsupportedType "unsupported-type" UNSUPPORTED_MEDIA_TYPE "The Content-Type is not one that is read here"
        None, None;
    LengthRequired "length-required" LENGTH_REQUIRED "The length must be known"
        Some("send Content-Length"), None;
    WrongDigest "wrong-digest" UNPROCESSABLE_ENTITY "The content does not have the digest in the address"
        Some("compute the SHA-256 of what is sent; nothing was kept"), None;
    BadRange "bad-range" RANGE_NOT_SATISFIABLE "The range is not in there"
        Some("ask for a range that begins before the end"), None;
    RateLimited "rate-limited" TOO_MANY_REQUESTS "Too many calls"
        Some("wait as long as Retry-After says; send jobs in batches: POST /v1/jobs/batch"), Some(1);
    QueueFull "queue-full" TOO_MANY_REQUESTS "Too many jobs wait"
        Some("wait until some have run, or let an administrator raise the cap"), Some(10);
    Busy "busy" TOO_MANY_REQUESTS "Too much at once"
        Some("try again"), Some(1);
    Crowded "crowded" SERVICE_UNAVAILABLE "Too many connections are open"
        Some("close connections that are not needed, and use one for many calls"), Some(5);
    DiskFull "disk-full" INSUFFICIENT_STORAGE "The scheduler's disk is full"
        Some("make room on the scheduler's disk, or keep less: `retention` in dayfly.toml"), Some(30);
    NotReady "not-ready" SERVICE_UNAVAILABLE "The scheduler is not ready"
        None, Some(2);
    Internal "internal" INTERNAL_SERVER_ERROR "The scheduler failed"
        None, None;
}
