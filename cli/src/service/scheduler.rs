//! `dayfly scheduler`, and the scheduler's part of `dayfly up`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dayfly_jobs::wire::Permission;
use dayfly_scheduler::{Config, Scheduler};
use tokio::net::TcpListener;

use super::args::{SchedulerArgs, SchedulerPart};
use super::data::DataFolder;
use super::ending::{self, Ending};
use crate::args::Global;
use crate::client::Discovered;
use crate::config::{self, Settings};
use crate::error::CliError;
use crate::output::{Out, log};
use crate::surroundings::Surroundings;

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7410);

/// A scheduler that is open and has its address, and does not serve yet.
pub(crate) struct Ready {
    pub(crate) scheduler: Scheduler,
    pub(crate) listener: TcpListener,
    /// Where clients on this machine reach it.
    pub(crate) url: String,
    /// For the first administrator, if this is the first start.
    pub(crate) first_token: Option<String>,
    folder: DataFolder,
}

impl Ready {
    /// Opens the store, listens, and leaves a word for clients.
    pub(crate) async fn open(
        part: &SchedulerPart,
        settings: &Settings,
        host: &Surroundings,
    ) -> Result<Self, CliError> {
        let configured = &settings.config.scheduler;
        let data = part.data.clone().or_else(|| configured.data.clone()).or_else(|| host.state_folder());
        let data = data.ok_or_else(|| {
            CliError::usage("there is no home folder to keep the data in", "name a folder: --data DIR")
        })?;
        let mut folder = DataFolder::open(data)?;
        let mut config = Config::new(folder.path().to_owned());
        configured.apply(&mut config);
        let scheduler = Scheduler::open(config).await?;
        let address = part.listen.or(configured.listen).unwrap_or(LISTEN);
        let listener =
            TcpListener::bind(address).await.map_err(|source| CliError::listen(address, source))?;
        let url = url(listener.local_addr().map_err(|source| CliError::listen(address, source))?);
        let first_token = scheduler.first_token().await?;
        let token = scheduler.renew_token("this-machine", &[Permission::Admin]).await?;
        folder.leave_for_clients(&Discovered { url: url.clone(), token })?;
        Ok(Self { scheduler, listener, url, first_token, folder })
    }

    /// What to say to whoever started it.
    pub(crate) fn greeting(&self) -> String {
        let mut text = format!("listening on {}\ndata in {}\n", self.url, self.folder.path().display());
        if let Some(token) = &self.first_token {
            text += &format!("the first administrator's token, shown once: {token}\n");
        }
        text
    }

    /// Serves until the end begins; the folder is free when this returns.
    pub(crate) async fn serve(self, shutdown: tokio_util::sync::CancellationToken) -> Result<(), CliError> {
        let _folder = self.folder;
        Ok(self.scheduler.serve(self.listener, shutdown).await?)
    }
}

/// An address of all interfaces is reached by that of this machine.
fn url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    format!("http://{address}")
}

/// Runs a scheduler until it is told to end.
pub(crate) fn run(args: &SchedulerArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    log::service(args.log.log_format, global.verbose);
    let host = Surroundings::read();
    let settings = config::load(global.config.as_deref(), &host)?;
    ending::run(|Ending { shutdown, .. }| async move {
        let ready = Ready::open(&args.scheduler, &settings, &host).await?;
        out.note(&ready.greeting())?;
        ready.serve(shutdown).await.map(|()| 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_an_address_they_can_reach() {
        for (address, expected) in [
            ("127.0.0.1:7410", "http://127.0.0.1:7410"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("10.1.2.3:1", "http://10.1.2.3:1"),
        ] {
            assert_eq!(url(address.parse().unwrap()), expected);
        }
    }
}
