//! Addresses of calls. Whatever is put into one is escaped, so that no name can lead elsewhere.

use reqwest::Url;

/// The address of a path below the server's own.
pub(super) fn join(server: &Url, path: &[&str], query: &[(&str, String)]) -> Url {
    let mut url = server.clone();
    // Only addresses that have a host get here, and those have paths.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("v1").extend(path);
    }
    url.set_query(None);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_elsewhere() {
        for (server, path, query, url) in [
            ("http://h:1", vec!["jobs"], vec![], "http://h:1/v1/jobs"),
            ("http://h/dayfly/", vec!["jobs", "x"], vec![], "http://h/dayfly/v1/jobs/x"),
            ("http://h", vec!["secrets", "../admin?x#y"], vec![], "http://h/v1/secrets/..%2Fadmin%3Fx%23y"),
            (
                "http://h?old=1",
                vec!["jobs"],
                vec![("state", "a&b".to_owned())],
                "http://h/v1/jobs?state=a%26b",
            ),
        ] {
            assert_eq!(join(&Url::parse(server).unwrap(), &path, &query).as_str(), url);
        }
    }
}
