//! The client that calls webhooks: follows no redirect, uses no proxy, and connects only to addresses that the
//! rules allow. The resolver hands out nothing else, so what was judged is what is called.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, redirect};

use super::Rules;
use crate::SchedulerError;

/// For one call from beginning to end.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
struct Judge(Arc<Rules>);

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let all = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = all.filter(|address| rules.allow(address.ip())).collect();
            if allowed.is_empty() {
                return Err(rules.refusal(&host).into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

pub(super) fn make(rules: Arc<Rules>) -> Result<Client, SchedulerError> {
    // Whoever was first has set the same one.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder()
        .dns_resolver(Arc::new(Judge(rules)))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT / 2)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("dayfly/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| SchedulerError::Client(error.to_string()))
}
