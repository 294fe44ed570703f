//! Blobs: content under its own SHA-256. Knowing a digest is not having the blob: each tenant sees its own only.

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use dayfly_jobs::wire::{BlobInfo, Permission};
use dayfly_jobs::{Bytes, Digest, LeaseId, TenantName};
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::App;
use super::body::{Answer, Answered, Incoming, too_large};
use super::extract::{Asked, At};
use crate::problem::{Kind, Problem};
use crate::service::{Caller, UploadError, Who};
use crate::store::Scope;

/// Bytes that are read at once, and held while the other end is slow.
const PIECE: usize = 64 << 10;

/// For whom a worker uploads.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct For {
    lease: Option<LeaseId>,
}

/// Upload a blob.
///
/// The body is kept if it has the SHA-256 in the address. A blob that the tenant has already is not kept twice; with
/// `Expect: 100-continue` it need not even be sent. A worker says by `lease` for which job it uploads.
#[utoipa::path(put, path = "/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = String, Path, description = "64 hexadecimal digits"),
        ("lease" = Option<String>, Query, description = "The lease that a worker uploads for")),
    request_body(content = String, content_type = "application/octet-stream", description = "The content"),
    responses((status = 201, description = "It is kept", body = ref("#/components/schemas/BlobInfo")),
        (status = 200, description = "It was there", body = ref("#/components/schemas/BlobInfo")),
        (status = 409, description = "The lease is lost"),
        (status = 422, description = "The content has another digest")))]
pub(super) async fn put(
    caller: Caller,
    State(app): State<App>,
    At(digest): At<Digest>,
    Asked(target): Asked<For>,
    request: Request,
) -> Answered<BlobInfo> {
    let tenant = owner(&app, &caller, target.lease).await?;
    let scope = Scope::Tenant(tenant.clone());
    if let Some(blob) = app.store.blob(&scope, digest).await?
        && app.blobs.has(digest, blob.size).await
    {
        app.store.add_blob(&tenant, digest, blob.size, app.clock.now()).await?;
        skip(&app, request).await?;
        return Ok(Answer(StatusCode::OK, blob));
    }
    let size = receive(&app, &tenant, digest, request.into_body()).await?;
    Ok(Answer(StatusCode::CREATED, BlobInfo { digest, size, used_ms: app.clock.now() }))
}

/// Whose blob it will be.
async fn owner(app: &App, caller: &Caller, lease: Option<LeaseId>) -> Result<TenantName, Problem> {
    let Who::Worker(worker) = &caller.who else {
        return caller.needs(Permission::Submit).map(|token| token.tenant.clone());
    };
    let lease = lease.ok_or_else(|| {
        Problem::bad("a worker must say for which job it uploads")
            .fix("add ?lease=JOB.ATTEMPT to the address")
    })?;
    let job =
        app.store.job(&Scope::All, lease.job).await?.ok_or_else(|| Problem::unknown("job", lease.job))?;
    let own = job.summary.worker.as_ref() == Some(worker);
    if !own || job.summary.attempt != lease.attempt || job.summary.state.is_end() {
        return Err(Problem::new(
            Kind::StaleAttempt,
            format!("worker {worker} does not hold the lease {lease}"),
        ));
    }
    Ok(job.summary.tenant)
}

/// Reads what is not needed, unless the sender waits to hear whether it is: it would find the connection closed in
/// the middle of its sending and might never read the answer.
async fn skip(app: &App, request: Request) -> Result<(), Problem> {
    if request.headers().contains_key(header::EXPECT) {
        return Ok(());
    }
    let (mut incoming, mut left) = (Incoming::passed(app, request.into_body()), app.config.http.blob_bytes);
    while let Some(bytes) = incoming.piece().await? {
        left = left.checked_sub(size(&bytes)).ok_or_else(|| too_large(app.config.http.blob_bytes))?;
    }
    Ok(())
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

async fn receive(app: &App, tenant: &TenantName, digest: Digest, body: Body) -> Result<Bytes, Problem> {
    let most = app.config.http.blob_bytes;
    if body.size_hint().lower() > most {
        return Err(too_large(most));
    }
    app.store.room().await?;
    let mut upload = app.blobs.upload(most).await.map_err(Problem::internal)?;
    let mut incoming = Incoming::passed(app, body);
    while let Some(bytes) = incoming.piece().await? {
        upload.write(&bytes).await.map_err(refused)?;
    }
    let gate = app.blobs.enter().await;
    let size = upload.finish(&app.blobs, digest).await.map_err(refused)?;
    app.store.add_blob(tenant, digest, size, app.clock.now()).await?;
    drop(gate);
    Ok(size)
}

fn refused(error: UploadError) -> Problem {
    match error {
        UploadError::WrongDigest(_) => Problem::new(Kind::WrongDigest, error.to_string()),
        UploadError::TooLarge(most) => too_large(most),
        UploadError::Io(error) if is_full(&error) => {
            Problem::new(Kind::DiskFull, "the disk of the scheduler is full; nothing was kept")
        }
        UploadError::Io(error) => Problem::internal(error),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// Download a blob; HEAD tells whether it is there.
#[utoipa::path(get, path = "/v1/blobs/{sha256}", tag = "blobs",
    params(("sha256" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "The content", body = String, content_type = "application/octet-stream")))]
pub(super) async fn get(
    caller: Caller,
    State(app): State<App>,
    At(digest): At<Digest>,
) -> Result<Response, Problem> {
    let scope = match &caller.who {
        Who::Worker(_) => Scope::All,
        Who::Client(token) => readable(&caller, token)?,
    };
    let blob = app.store.blob(&scope, digest).await?.ok_or_else(|| Problem::unknown("blob", digest))?;
    content(&app, digest, blob.size, None).await
}

/// Who may submit may see what is there already, so as not to send it again.
fn readable(caller: &Caller, token: &dayfly_jobs::wire::TokenInfo) -> Result<Scope, Problem> {
    if caller.needs(Permission::Submit).is_err() {
        caller.needs(Permission::Read)?;
    }
    Ok(Caller::scope(token))
}

/// The content of a blob that the caller may see.
pub(super) async fn content(
    app: &App,
    digest: Digest,
    size: Bytes,
    name: Option<&str>,
) -> Result<Response, Problem> {
    let file = app.blobs.read(digest).await.map_err(|_| Problem::unknown("blob", digest))?;
    let pieces = unfold(Some(file), |file| async move {
        let (mut file, mut piece) = (file?, BytesMut::with_capacity(PIECE));
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(piece.freeze()), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size.get()));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CONTENT_DISPOSITION, attachment(name));
    Ok(response)
}

/// To be saved, under a name without anything that a header or a file system could take for something else.
fn attachment(name: Option<&str>) -> HeaderValue {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let name: Option<String> =
        name.map(|name| name.chars().map(|c| if plain(c) { c } else { '_' }).collect());
    let named = name.filter(|name| !name.is_empty()).map(|name| format!("attachment; filename=\"{name}\""));
    named.and_then(|value| value.parse().ok()).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(attachment(None), "attachment");
        assert_eq!(attachment(Some("a b.txt")), "attachment; filename=\"a b.txt\"");
        assert_eq!(attachment(Some("a\"\r\nX: y")), "attachment; filename=\"a___X_ y\"");
    }
}
