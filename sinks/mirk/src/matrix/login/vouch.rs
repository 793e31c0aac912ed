//! Keys that vouch for the new device, and the recovery key with which a later one gets them.

use matrix_sdk::{
    Client,
    encryption::recovery::RecoveryState,
    ruma::api::client::uiaa::{AuthData, Password, UserIdentifier},
};

use super::{Login, LoginError, Proof, Recovery};
use crate::matrix::write_secret;

/// Sees to it that the account's own keys have signed the device; returns a recovery key that was
/// made and is to be shown.
pub(super) async fn vouch(
    client: &Client,
    login: &Login<'_>,
) -> Result<Option<String>, LoginError> {
    let encryption = client.encryption();
    let recovery = encryption.recovery();
    if let Recovery::Known(key) = &login.recovery {
        let recovered = recovery.recover(key).await;
        recovered.map_err(|error| LoginError::WrongRecoveryKey(error.into()))?;
        return Ok(None);
    }
    bootstrap(client, login).await?;
    match recovery.state() {
        RecoveryState::Enabled => return Ok(None),
        RecoveryState::Incomplete => return Err(LoginError::RecoveryKeyNeeded),
        RecoveryState::Unknown | RecoveryState::Disabled => {}
    }
    if !has_own_keys(client).await {
        // Somebody else has them, and there is no recovery key by which to get them.
        return Err(LoginError::RecoveryKeyNeeded);
    }
    let key = recovery.enable().await;
    let key = key.map_err(|error| LoginError::failed("set up recovery", error))?;
    if let Recovery::KeepIn(path) = &login.recovery {
        write_secret(path, &format!("{key}\n"))?;
        return Ok(None);
    }
    Ok(Some(key))
}

/// Makes the account's own keys if it has none.
async fn bootstrap(client: &Client, login: &Login<'_>) -> Result<(), LoginError> {
    let encryption = client.encryption();
    let Err(error) = encryption.bootstrap_cross_signing_if_needed(None).await else {
        return Ok(());
    };
    let (Some(wanted), Proof::Password(password)) = (error.as_uiaa_response(), &login.proof) else {
        if error.as_uiaa_response().is_some() {
            return Err(LoginError::PasswordNeeded);
        }
        return Err(LoginError::failed("make keys that vouch for the device", error));
    };
    let user =
        UserIdentifier::Matrix(matrix_sdk::ruma::api::client::uiaa::MatrixUserIdentifier::new(
            login.config.matrix.user.to_string(),
        ));
    let mut proof = Password::new(user, password.clone());
    proof.session.clone_from(&wanted.session);
    let again = encryption.bootstrap_cross_signing(Some(AuthData::Password(proof))).await;
    again.map_err(|error| LoginError::failed("make keys that vouch for the device", error))
}

/// Whether the secret halves of the account's own keys are here.
async fn has_own_keys(client: &Client) -> bool {
    let status = client.encryption().cross_signing_status().await;
    status.is_some_and(|status| status.is_complete())
}
