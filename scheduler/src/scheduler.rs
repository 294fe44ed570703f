//! The scheduler as a whole: opened on a data folder, then served on a listener until it is told to end.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use dayfly_jobs::TenantName;
use dayfly_jobs::wire::{Permission, TokenRequest};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::service::Service;
use crate::store::{SqliteStore, Store, StoreError};
use crate::{Config, SchedulerError, api, server};

/// A scheduler that is open and does not listen yet.
pub struct Scheduler(Arc<Service>);

impl Scheduler {
    /// Opens the data folder, making it if there is none.
    ///
    /// # Errors
    /// When the folder, its key or its database cannot be used.
    pub async fn open(config: Config) -> Result<Self, SchedulerError> {
        make_folder(&config.data)?;
        let store = SqliteStore::open(&config.data).await?;
        Self::with_store(config, Arc::new(store)).await
    }

    /// On a store that is open already.
    ///
    /// # Errors
    /// When the data folder, its key or the store cannot be used.
    pub async fn with_store(config: Config, store: Arc<dyn Store>) -> Result<Self, SchedulerError> {
        make_folder(&config.data)?;
        let clock = Clock::start(store.latest().await?);
        Service::new(config, store, clock).map(|service| Self(Arc::new(service)))
    }

    /// An administrator's token, if there is no token yet: to be shown once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_token(&self) -> Result<Option<String>, SchedulerError> {
        if !self.0.store.tokens().await?.is_empty() {
            return Ok(None);
        }
        self.renew_token("first-admin", &[Permission::Admin]).await.map(Some)
    }

    /// A token of this name that permits this, for the tenant `default`; one that had the name before is good for
    /// nothing any more. For whoever may read the data folder anyway.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn renew_token(&self, name: &str, permits: &[Permission]) -> Result<String, SchedulerError> {
        match self.0.revoke(name).await {
            Ok(()) | Err(StoreError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let tenant: TenantName =
            "default".parse().map_err(|_| StoreError::Failed("'default' is no name".into()))?;
        let permits = permits.iter().copied().collect();
        let request = TokenRequest { name: name.to_owned(), tenant, permits, lasts_ms: None };
        Ok(self.0.mint(request).await?.token)
    }

    /// Shows the metrics of something else in this process at `/metrics` as well.
    pub fn add_metrics(&self, registry: prometheus::Registry) {
        self.0.metrics.add(registry);
    }

    /// Serves until `shutdown`, then lets calls that are under way end.
    ///
    /// # Errors
    /// When the listener is none.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), SchedulerError> {
        let address = listener.local_addr().map_err(SchedulerError::Listen)?;
        tracing::info!(%address, data = %self.0.config.data.display(), "the scheduler listens");
        let service = self.0;
        let mut work = JoinSet::new();
        work.spawn(Arc::clone(&service).keep_time());
        work.spawn(Arc::clone(&service).keep_clean());
        work.spawn(service.sender().run());
        let closing = service.closing.clone();
        work.spawn(async move {
            shutdown.cancelled().await;
            closing.cancel();
            std::future::pending().await
        });
        let router = api::router(Arc::clone(&service));
        server::run(&service, router, listener, service.closing.clone()).await;
        work.shutdown().await;
        service.store.close().await;
        tracing::info!("the scheduler has ended");
        Ok(())
    }
}

/// Opens a scheduler and serves it until `shutdown`. A first token must have been made before, by
/// [`Scheduler::first_token`].
///
/// # Errors
/// When the data folder or the listener cannot be used.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), SchedulerError> {
    Scheduler::open(config).await?.serve(listener, shutdown).await
}

fn make_folder(path: &Path) -> Result<(), SchedulerError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| SchedulerError::File { what: "create", path: path.into(), source })
}
