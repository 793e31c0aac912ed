//! What is asked of systemd.

use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::{
    Connection, DBusError as _, OwnedObjectPath, fdo,
    proxy::{self, CacheProperties},
};

/// How often a service that goes on after its start is looked at.
const LOOK: Duration = Duration::from_millis(500);

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Systemd1 {
    fn subscribe(&self) -> fdo::Result<()>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1"
)]
trait Unit {
    #[zbus(property)]
    fn active_state(&self) -> fdo::Result<String>;
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Service",
    default_service = "org.freedesktop.systemd1"
)]
trait Service {
    #[zbus(property)]
    fn result(&self) -> fdo::Result<String>;
    #[zbus(property)]
    fn exec_main_status(&self) -> fdo::Result<i32>;
}

/// systemd, whose signals are heard.
pub(super) struct Manager<'c> {
    connection: &'c Connection,
    systemd: Systemd1Proxy<'c>,
}

/// How a unit stands.
enum Standing {
    /// It works.
    Busy,
    /// It has ended; units that did so well are soon gone altogether.
    Ended,
    /// It has failed, and is kept for whoever asks why.
    Failed(OwnedObjectPath),
}

impl<'c> Manager<'c> {
    pub(super) async fn new(connection: &'c Connection) -> zbus::Result<Self> {
        let systemd = Systemd1Proxy::new(connection).await?;
        // Only then does systemd tell of jobs.
        systemd.subscribe().await?;
        Ok(Self { connection, systemd })
    }

    /// Starts a unit and waits for its end.
    pub(super) async fn run(&self, unit: &str) -> Result<(), String> {
        let mut removed = self.removed().await?;
        // A unit that is started already, by a keeper that was killed, is waited for.
        let job = self.systemd.start_unit(unit, "fail").await;
        let job = job.map_err(|error| format!("could not start {unit}: {}", explain(&error)))?;
        let result = wait_for(&mut removed, &job).await?;
        match result.as_str() {
            "done" | "failed" => {}
            other => return Err(format!("{unit} was not started: {other}")),
        }
        loop {
            match self.standing(unit).await? {
                // Services of another type than oneshot go on when they have started.
                Standing::Busy => tokio::time::sleep(LOOK).await,
                Standing::Failed(path) => return Err(self.why(unit, path).await),
                Standing::Ended if result == "done" => return Ok(()),
                Standing::Ended => return Err(format!("{unit} failed")),
            }
        }
    }

    /// Stops a unit and waits until it has stopped.
    pub(super) async fn stop(&self, unit: &str) -> Result<(), String> {
        let mut removed = self.removed().await?;
        let job = self.systemd.stop_unit(unit, "replace").await;
        let job = job.map_err(|error| explain(&error))?;
        wait_for(&mut removed, &job).await?;
        if let Standing::Failed(_) = self.standing(unit).await? {
            self.forget(unit).await;
        }
        Ok(())
    }

    async fn removed(&self) -> Result<JobRemovedStream, String> {
        let removed = self.systemd.receive_job_removed().await;
        removed.map_err(|error| format!("could not listen to systemd: {error}"))
    }

    async fn standing(&self, unit: &str) -> Result<Standing, String> {
        let failed = |error: &zbus::Error| format!("could not look at {unit}: {}", explain(error));
        let path = match self.systemd.get_unit(unit).await {
            Err(error) if is(&error, "org.freedesktop.systemd1.NoSuchUnit") => {
                return Ok(Standing::Ended);
            }
            path => path.map_err(|error| failed(&error))?,
        };
        let proxy = UnitProxy::builder(self.connection).path(path.clone());
        let state = async {
            proxy.cache_properties(CacheProperties::No).build().await?.active_state().await
        };
        match state.await {
            Ok(state) if state == "failed" => Ok(Standing::Failed(path)),
            Ok(state) if state == "inactive" => Ok(Standing::Ended),
            Ok(_) => Ok(Standing::Busy),
            // It went between both questions.
            Err(fdo::Error::UnknownObject(_)) => Ok(Standing::Ended),
            Err(error) => Err(failed(&error.into())),
        }
    }

    /// Why a unit failed. Afterwards systemd may forget it.
    async fn why(&self, unit: &str, path: OwnedObjectPath) -> String {
        let asked = async {
            let proxy: proxy::Builder<'_, ServiceProxy<'_>> =
                ServiceProxy::builder(self.connection).path(path);
            let proxy = proxy.cache_properties(CacheProperties::No).build().await?;
            fdo::Result::Ok((proxy.result().await?, proxy.exec_main_status().await?))
        };
        let why = match asked.await {
            Ok((result, status)) => format!("{unit} failed: {result}, status {status}"),
            Err(error) => format!("{unit} failed, and does not say why: {error}"),
        };
        self.forget(unit).await;
        why
    }

    async fn forget(&self, unit: &str) {
        if let Err(error) = self.systemd.reset_failed_unit(unit).await {
            tracing::debug!(unit, %error, "systemd keeps a failed unit");
        }
    }
}

async fn wait_for(removed: &mut JobRemovedStream, job: &OwnedObjectPath) -> Result<String, String> {
    while let Some(signal) = removed.next().await {
        if let Ok(arguments) = signal.args()
            && arguments.job() == job
        {
            return Ok(arguments.result().clone());
        }
    }
    Err("the connection to systemd broke: nobody knows how it went".to_owned())
}

fn is(error: &zbus::Error, name: &str) -> bool {
    match error {
        zbus::Error::MethodError(found, ..) => found.as_str() == name,
        zbus::Error::FDO(error) => error.name().as_str() == name,
        _ => false,
    }
}

/// What an administrator can do about it.
fn explain(error: &zbus::Error) -> String {
    for (name, what) in [
        ("org.freedesktop.systemd1.NoSuchUnit", "its template is not installed"),
        // Where there is no polkit at all, this is the answer too.
        (
            "org.freedesktop.DBus.Error.AccessDenied",
            "polkit does not allow it, or is not installed: packaging/polkit has the rule",
        ),
        (
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
            "polkit does not allow it: packaging/polkit has the rule",
        ),
    ] {
        if is(error, name) {
            return format!("{what} ({error})");
        }
    }
    error.to_string()
}
