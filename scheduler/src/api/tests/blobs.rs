//! Blobs and artifacts.

use dayfly_jobs::Artifact;
use dayfly_jobs::wire::BlobInfo;

use super::*;

#[tokio::test]
async fn a_blob_is_kept_under_its_own_digest_only() {
    let server = Server::start().await;
    let content = vec![7_u8; 300_000];
    let path = format!("/v1/blobs/{}", digest(&content));
    refused(server.call(Method::GET, &path), 404, "not-found").await;
    let wrong = format!("/v1/blobs/{}", digest(b"other"));
    refused(server.call(Method::PUT, &wrong).body(content.clone()), 422, "wrong-digest").await;
    refused(server.call(Method::GET, &wrong), 404, "not-found").await;

    let kept: BlobInfo =
        json_of(server.call(Method::PUT, &path).body(content.clone()), StatusCode::CREATED).await;
    assert_eq!(kept.size.get(), 300_000);
    let again: BlobInfo =
        json_of(server.call(Method::PUT, &path).body(content.clone()), StatusCode::OK).await;
    assert_eq!(again.digest, kept.digest);
    let head = server.call(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(
        (head.status(), &head.headers()["content-length"]),
        (StatusCode::OK, &"300000".parse().unwrap())
    );
    let got = server.call(Method::GET, &path).send().await.unwrap();
    assert_eq!(got.headers()["x-content-type-options"], "nosniff");
    assert_eq!(got.bytes().await.unwrap(), content);
}

#[tokio::test]
async fn a_blob_that_is_too_large_is_refused_and_nothing_is_left() {
    let server = Server::start_with(|config| config.http.blob_bytes = 1000).await;
    let content = vec![7_u8; 1001];
    let path = format!("/v1/blobs/{}", digest(&content));
    refused(server.call(Method::PUT, &path).body(content), 413, "too-large").await;
    let left = std::fs::read_dir(server.folder.path().join("data/blobs/new")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn knowing_a_digest_is_not_having_the_blob() {
    let server = Server::start().await;
    let path = format!("/v1/blobs/{}", digest(b"mine"));
    let _: BlobInfo = json_of(server.call(Method::PUT, &path).body("mine"), StatusCode::CREATED).await;
    let other = server.token("other", "other", &["read", "submit"]).await;
    refused(server.call_as(&other, Method::GET, &path), 404, "not-found").await;
    let wrong = server.call_as(&other, Method::PUT, &path).body("not mine");
    refused(wrong, 422, "wrong-digest").await;
    let own = server.call_as(&other, Method::PUT, &path).body("mine");
    let _: BlobInfo = json_of(own, StatusCode::CREATED).await;
    let mut job = job("a");
    job["inputs"] = json!({"x": {"blob": digest(b"nobody has it").to_string()}});
    let call = server.call_as(&other, Method::POST, "/v1/jobs").json(&job);
    refused(call, 404, "not-found").await;
}

#[tokio::test]
async fn a_worker_leaves_artifacts_for_the_tenant_of_its_job() {
    let server = Server::start().await;
    let tenant = server.token("t", "team", &["read", "submit"]).await;
    let call = server.call_as(&tenant, Method::POST, "/v1/jobs").json(&job("a"));
    let id = json_of::<Submitted>(call, StatusCode::CREATED).await.id;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let content = b"<script>alert(1)</script>";
    let path = format!("/v1/blobs/{}", digest(content));
    refused(worker.call(Method::PUT, &path).body(content.to_vec()), 400, "bad-request").await;
    let call = worker.call(Method::PUT, &format!("{path}?lease={lease}")).body(content.to_vec());
    let _: BlobInfo = json_of(call, StatusCode::CREATED).await;
    let Completion::Finished { mut result, rest } = passed(b"") else { panic!("it passed") };
    let size = Bytes::new(u64::try_from(content.len()).unwrap());
    let (name, file) = ("page".to_owned(), "out/a\"b.html".to_owned());
    result.artifacts.push(Artifact { name, path: file, size, digest: digest(content) });
    let _: Value =
        json_of(worker.complete(lease, &Completion::Finished { result, rest }), StatusCode::OK).await;

    let list: Value =
        json_of(server.call_as(&tenant, Method::GET, &format!("/v1/jobs/{id}/artifacts")), StatusCode::OK)
            .await;
    assert_eq!(list["items"][0]["path"], "out/a\"b.html");
    let got =
        server.call_as(&tenant, Method::GET, &format!("/v1/jobs/{id}/artifacts/0")).send().await.unwrap();
    assert_eq!(got.headers()["content-disposition"], "attachment; filename=\"a_b.html\"");
    assert_eq!(got.headers()["content-type"], "application/octet-stream");
    assert_eq!(got.bytes().await.unwrap().as_ref(), content);
    refused(server.call(Method::GET, &format!("/v1/jobs/{id}/artifacts/1")), 404, "not-found").await;
    refused(worker.call(Method::PUT, &format!("{path}?lease={lease}")).body("x"), 409, "stale-attempt").await;
}
