//! What every daemon shares: lifecycle, configuration, logging, clock.
//!
//! A daemon has the same shape everywhere: `main.rs` reads arguments and configuration,
//! `App::build` binds and checks everything that can fail at the start, `App::run` works until
//! its [`Lifecycle`] says stop.

mod clock;
mod config;
mod data_dir;
mod duration;
mod host;
mod lifecycle;
mod logging;
mod new_key;
mod outcome;
mod pause;
mod reloading;
mod trust;
mod trust_source;
mod watched_keys;

pub use crate::{
    clock::{Clock, ManualClock, SystemClock},
    config::{ConfigError, load_config, reload_config},
    data_dir::{DataDirLock, LockError},
    duration::{Age, InvalidAge},
    host::hostname,
    lifecycle::{Lifecycle, LifecycleError, Stopping, runtime},
    logging::{Verbosity, init_logging, init_logging_with},
    new_key::{NewKeyError, new_key, write_new},
    outcome::{
        EXIT_FAILED, EXIT_REJECTED, EXIT_UNREACHABLE, EXIT_USAGE, Failure, is_broken_pipe,
        print_error,
    },
    pause::growing_pause,
    reloading::Reloading,
    trust::{TrustConfig, TrustError, load_directory},
    trust_source::TrustSource,
    watched_keys::WatchedKeys,
};
