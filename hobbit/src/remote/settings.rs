//! How the machines of a sweep find each other: the server, what opens it, and this process's role.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

/// What a process does in a sweep over many machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Runs the sweep, and trains too.
    #[default]
    Both,
    /// Runs the sweep, and leaves training to others.
    Coordinator,
    /// Trains for a sweep that another process runs.
    Worker,
}

/// How checkpoints that are too large for a message go from machine to machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Checkpoints {
    /// Through the NATS server.
    #[default]
    Server,
    /// Through the study's directory, which all machines have mounted under the same path: messages only say
    /// which file it is. A worker that does not see the directory ends with exit code 3.
    Shared,
}

/// The NATS server through which the machines of a sweep work together.
///
/// ```no_run
/// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<()> {
/// use hobbit::Hyperband;
/// use hobbit::remote::Nats;
///
/// // with HOBBIT_NATS unset, this machine works alone
/// let results = Hyperband::of(objective).repo_dir("./study").nats(Nats::from_env()?).run(81, 3)?;
/// # Ok(())
/// # }
/// ```
///
/// Secrets are neither shown nor written anywhere.
#[derive(Clone)]
pub struct Nats {
    pub(super) server: Option<String>,
    pub(super) study: String,
    pub(super) role: Role,
    pub(super) token: Option<String>,
    pub(super) nkey: Option<String>,
    pub(super) credentials: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    pub(super) wait: Duration,
    pub(super) give_up_after: u32,
    pub(super) other_builds: bool,
    pub(super) mixed_hardware: bool,
    pub(super) checkpoints: Checkpoints,
}

/// How long a server, and a coordinator, are waited for.
const WAIT: Duration = Duration::from_secs(300);

impl Nats {
    /// A server at an address: `nats://head:4222`, `tls://head:4222`, or several, separated by commas.
    pub fn at(server: impl Into<String>) -> Nats {
        Nats { server: Some(server.into()), ..Nats::none() }
    }

    /// No server: this machine alone.
    fn none() -> Nats {
        Nats {
            server: None,
            study: "study".to_owned(),
            role: Role::Both,
            token: None,
            nkey: None,
            credentials: None,
            ca: None,
            certificate: None,
            wait: WAIT,
            give_up_after: 5,
            other_builds: false,
            mixed_hardware: false,
            checkpoints: Checkpoints::Server,
        }
    }

    /// Reads the settings from the environment.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `HOBBIT_NATS` | the server's address; unset or empty: this machine alone |
    /// | `HOBBIT_ROLE` | `worker`, `coordinator` (does not train), or unset: runs the sweep and trains |
    /// | `HOBBIT_STUDY` | the study's name on the server, if it has several |
    /// | `HOBBIT_NATS_TOKEN`, `HOBBIT_NATS_NKEY` | a token, or the seed of a key |
    /// | `HOBBIT_NATS_CREDS`, `HOBBIT_NATS_CA` | a file of credentials, and one of certificates to trust |
    /// | `HOBBIT_CHECKPOINTS` | `server` (default), or `shared`: [the study's directory](Checkpoints::Shared) |
    /// | `HOBBIT_WAIT` | how many seconds to wait for a server and a coordinator; default 300 |
    ///
    /// # Errors
    /// A variable has an invalid value.
    pub fn from_env() -> Result<Nats> {
        let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Nats::from_variables(get)
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Nats> {
        let role = match get("HOBBIT_ROLE").as_deref() {
            None => Role::Both,
            Some("worker") => Role::Worker,
            Some("coordinator") => Role::Coordinator,
            Some(other) => {
                return Err(Error::setting(format!(
                    "HOBBIT_ROLE is `{other}`; it has to be `worker`, `coordinator`, or unset for a coordinator that trains too"
                )));
            }
        };
        let server = get("HOBBIT_NATS");
        if role == Role::Worker && server.is_none() {
            return Err(Error::setting(
                "HOBBIT_ROLE is `worker`, but HOBBIT_NATS is not set: give it the address of the NATS server, as in nats://head:4222",
            ));
        }
        let wait = match get("HOBBIT_WAIT") {
            None => WAIT,
            Some(text) => match text.parse().ok().and_then(|wait| Duration::try_from_secs_f64(wait).ok()) {
                Some(wait) => wait,
                None => {
                    return Err(Error::setting(format!(
                        "HOBBIT_WAIT is `{text}`; it has to be a number of seconds"
                    )));
                }
            },
        };
        let checkpoints = match get("HOBBIT_CHECKPOINTS").as_deref() {
            None | Some("server") => Checkpoints::Server,
            Some("shared") => Checkpoints::Shared,
            Some(other) => {
                return Err(Error::setting(format!(
                    "HOBBIT_CHECKPOINTS is `{other}`; it has to be `shared`, `server`, or unset for `server`"
                )));
            }
        };
        let none = Nats::none();
        Ok(Nats {
            server,
            role,
            wait,
            checkpoints,
            study: get("HOBBIT_STUDY").unwrap_or(none.study),
            token: get("HOBBIT_NATS_TOKEN"),
            nkey: get("HOBBIT_NATS_NKEY"),
            credentials: get("HOBBIT_NATS_CREDS").map(PathBuf::from),
            ca: get("HOBBIT_NATS_CA").map(PathBuf::from),
            ..Nats::none()
        })
    }

    /// Replaces the server's address.
    #[must_use]
    pub fn server(mut self, server: impl Into<String>) -> Nats {
        self.server = Some(server.into());
        self
    }

    /// This process's role. Default: it runs the sweep and trains.
    #[must_use]
    pub fn role(mut self, role: Role) -> Nats {
        self.role = role;
        self
    }

    /// The study's name on the server: letters, digits, `-` and `_`. Default: `study`. Needed where one
    /// server serves several studies at a time.
    #[must_use]
    pub fn study(mut self, name: impl Into<String>) -> Nats {
        self.study = name.into();
        self
    }

    /// The token to log in to the server with.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Nats {
        self.token = Some(token.into());
        self
    }

    /// The seed of the key (NKey) to log in to the server with.
    #[must_use]
    pub fn nkey(mut self, seed: impl Into<String>) -> Nats {
        self.nkey = Some(seed.into());
        self
    }

    /// The file of credentials to log in to the server with.
    #[must_use]
    pub fn credentials(mut self, file: impl Into<PathBuf>) -> Nats {
        self.credentials = Some(file.into());
        self
    }

    /// A file of certificates to trust, besides those that the system trusts.
    #[must_use]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Nats {
        self.ca = Some(file.into());
        self
    }

    /// The files of this process's certificate and its key.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Nats {
        self.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// How long to wait for a server, and for a coordinator. Default: five minutes.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Nats {
        self.wait = wait;
        self
    }

    /// The number of lost workers after which the stage that each of them was training counts as failed.
    /// Default: 5. Raise it where machines are often taken away.
    #[must_use]
    pub fn give_up_after(mut self, workers: u32) -> Nats {
        self.give_up_after = workers;
        self
    }

    /// Allows workers whose executable differs from the coordinator's. Results may then differ.
    #[must_use]
    pub fn allow_other_builds(mut self) -> Nats {
        self.other_builds = true;
        self
    }

    /// Allows workers whose processor or GPU computes different last bits
    /// ([`Objective::numerics`](crate::Objective::numerics)). Results may then differ.
    #[must_use]
    pub fn allow_mixed_hardware(mut self) -> Nats {
        self.mixed_hardware = true;
        self
    }

    /// How large checkpoints go from machine to machine. The coordinator's setting counts. Default: through
    /// the server.
    #[must_use]
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Nats {
        self.checkpoints = checkpoints;
        self
    }

    /// Whether there is a server.
    pub(crate) fn is_set(&self) -> bool {
        self.server.is_some()
    }

    /// Whether this process trains for another one.
    pub(crate) fn is_worker(&self) -> bool {
        self.is_set() && self.role == Role::Worker
    }

    /// Whether this process trains.
    pub(crate) fn trains(&self) -> bool {
        self.role != Role::Coordinator
    }

    /// # Errors
    /// There is no server, or the study has a name that no subject can have.
    pub(super) fn check(&self) -> Result<()> {
        if !self.is_set() {
            return Err(Error::setting(
                "there is no address of a NATS server: set HOBBIT_NATS, as in nats://head:4222",
            ));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.study.is_empty() || self.study.len() > 64 || !self.study.chars().all(fits) {
            return Err(Error::setting(format!(
                "the name of the study on the NATS server (HOBBIT_STUDY) is `{}`; it has to be 1 to 64 letters, digits, `-` and `_`",
                self.study
            )));
        }
        Ok(())
    }

    /// The server's address without what is secret in it.
    pub(super) fn address(&self) -> String {
        let server = self.server.as_deref().unwrap_or_default();
        let plain = |address: &str| match address.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
            None => address.rsplit('@').next().unwrap_or(address).to_owned(),
        };
        server.split(',').map(|address| plain(address.trim())).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats")
            .field("server", &self.address())
            .field("study", &self.study)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Nats> {
        Nats::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_who_does_what() {
        assert!(!from(&[]).unwrap().is_set());
        let worker =
            from(&[("HOBBIT_NATS", "nats://head:4222"), ("HOBBIT_ROLE", "worker"), ("HOBBIT_WAIT", "1.5")])
                .unwrap();
        assert!(worker.is_worker() && worker.trains());
        assert_eq!(worker.wait, Duration::from_millis(1500));
        let coordinator = from(&[("HOBBIT_NATS", "nats://head"), ("HOBBIT_ROLE", "coordinator")]).unwrap();
        assert!(coordinator.is_set() && !coordinator.is_worker() && !coordinator.trains());
        for (variables, said) in [
            (&[("HOBBIT_ROLE", "boss")][..], "HOBBIT_ROLE is `boss`"),
            (&[("HOBBIT_ROLE", "worker")], "HOBBIT_NATS is not set"),
            (&[("HOBBIT_WAIT", "long")], "HOBBIT_WAIT is `long`"),
            (&[("HOBBIT_WAIT", "-1")], "HOBBIT_WAIT is `-1`"),
            (&[("HOBBIT_CHECKPOINTS", "disk")], "HOBBIT_CHECKPOINTS is `disk`"),
        ] {
            let error = from(variables).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(Nats::at("nats://x").study("a.b").check().is_err());
        assert!(Nats::at("nats://x").study("a-b_7").check().is_ok());
    }

    #[test]
    fn no_secret_is_shown() {
        let nats = Nats::at("nats://user:secret@head:4222, secret@other").token("secret").nkey("secret");
        assert_eq!(nats.address(), "nats://head:4222,other");
        assert!(!format!("{nats:?}").contains("secret"));
    }
}
