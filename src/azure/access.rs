//! The right of access, and the way there: one HTTP client, one identity, one manner of trying again.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::fault::innermost;
use super::tries::CountTries;
use super::{AzureError, Fault};
use crate::config::{AzureConfig, AzureIdentity, AzureUrl};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection may be silent in the middle of an answer, or an upload go without one.
const SILENCE: Duration = Duration::from_secs(30);
/// How long one request goes on being tried, counted from the end of its first try. With the time-outs of a try this stays
/// below the lease of a job, which is renewed at a third of its time.
const BUDGET_SECONDS: i64 = 20;

/// The way to one service, for its clients. Clones share connections and tokens.
#[derive(Clone)]
pub(crate) struct Access {
    credential: Option<Arc<dyn TokenCredential>>,
    options: ClientOptions,
}

impl Access {
    /// The way to `url`: by its signature where it has one, else as the identity that `config` names.
    ///
    /// # Errors
    /// When the platform gives no such identity.
    pub(crate) fn new(url: &AzureUrl, config: &AzureConfig) -> Result<Self, AzureError> {
        let options = client_options(&connections(url.is_local())?);
        let credential = if url.has_signature() { None } else { Some(credential(config)?) };
        Ok(Self { credential, options })
    }

    /// What a client of the SDK is made from. `url` is to be used as it is.
    pub(crate) fn parts(&self) -> (Option<Arc<dyn TokenCredential>>, ClientOptions) {
        (self.credential.clone(), self.options.clone())
    }
}

/// The environment's proxy is for the world outside, never for this machine or the platform's own endpoints.
fn connections(near: bool) -> Result<reqwest::Client, AzureError> {
    crate::tls::install();
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(reqwest::redirect::Policy::none());
    let builder = if near { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| {
        let why = innermost(&error);
        AzureError::new(format!("no TLS can be had ({why}); install the machine's certificates or set SSL_CERT_FILE"))
    })
}

/// The SDK tries again after 408, 429, 500, 502, 503, 504, resets and time-outs, as late as the service asks for.
fn client_options(client: &reqwest::Client) -> ClientOptions {
    let retry = ExponentialRetryOptions {
        initial_delay: azure_core::time::Duration::milliseconds(50),
        max_retries: 12,
        max_total_elapsed: azure_core::time::Duration::seconds(BUDGET_SECONDS),
        max_delay: azure_core::time::Duration::seconds(5),
    };
    ClientOptions {
        per_try_policies: vec![Arc::new(CountTries)],
        retry: RetryOptions::exponential(retry),
        transport: Some(Transport::new(Arc::new(client.clone()))),
        ..ClientOptions::default()
    }
}

fn credential(config: &AzureConfig) -> Result<Arc<dyn TokenCredential>, AzureError> {
    let options = client_options(&connections(config.identity == AzureIdentity::Managed)?);
    let made: azure_core::Result<Arc<dyn TokenCredential>> = match config.identity {
        AzureIdentity::Managed => managed(config, options),
        AzureIdentity::Workload => workload(config, options),
        AzureIdentity::DeveloperTools => DeveloperToolsCredential::new(None).map(|made| made as _),
    };
    made.map_err(|error| AzureError::new(Fault::from(error).words))
}

fn managed(config: &AzureConfig, client_options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let user_assigned_id = config.client_id.clone().map(UserAssignedId::ClientId);
    let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
    Ok(ManagedIdentityCredential::new(Some(options))?)
}

fn workload(config: &AzureConfig, client_options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let credential_options = ClientAssertionCredentialOptions { client_options };
    let client_id = config.client_id.clone();
    let options = WorkloadIdentityCredentialOptions {
        credential_options,
        client_id,
        ..WorkloadIdentityCredentialOptions::default()
    };
    Ok(WorkloadIdentityCredential::new(Some(options))?)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn a_signature_needs_no_identity() {
        let config = AzureConfig { identity: AzureIdentity::Workload, client_id: None, direct_links: true };
        let url = |text| AzureUrl::container(&Url::parse(text).expect("a URL")).expect("a container");
        let signed = url("https://acct.blob.core.windows.net/jobs?sig=x");
        assert!(Access::new(&signed, &config).expect("made").credential.is_none());
        let plain = url("https://acct.blob.core.windows.net/jobs");
        let refused = Access::new(&plain, &config).map(drop).expect_err("no pod");
        assert!(refused.to_string().contains("--azure-credential"), "{refused}");
    }
}
