//! Small questions over HTTP: lists, jobs, health.

use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{ClientError, Envelope, FilesPage, JobsPage, Server};

impl Server {
    /// A part of the workspace's listing: files whose path begins with `prefix`, after the path `after`.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn files(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<FilesPage, ClientError> {
        let mut url = self.at(["files"]);
        url.query_pairs_mut().append_pair("prefix", prefix).append_pair("limit", &limit.to_string());
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        self.ask(Method::GET, url).await
    }

    /// The newest jobs.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn jobs(&self, limit: usize) -> Result<JobsPage, ClientError> {
        let mut url = self.at(["jobs"]);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        self.ask(Method::GET, url).await
    }

    /// One job, as far as it is.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn job(&self, id: &str) -> Result<Envelope, ClientError> {
        self.ask(Method::GET, self.at(["jobs", id])).await
    }

    /// Asks for a job's end.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn cancel_job(&self, id: &str) -> Result<(), ClientError> {
        accept(self.http.request(Method::DELETE, self.at(["jobs", id])).send().await?).await.map(drop)
    }

    /// Whether `path` (`healthz`, `readyz`) answers well.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn probe(&self, path: &str) -> Result<(), ClientError> {
        let request = self.http.get(self.at([path])).timeout(std::time::Duration::from_secs(5));
        accept(request.send().await?).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, url: Url) -> Result<T, ClientError> {
        let response = accept(self.http.request(method, url).send().await?).await?;
        response.json().await.map_err(ClientError::from)
    }
}

/// The response, or what the server says is wrong.
pub(super) async fn accept(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.unwrap_or_default();
    Err(refusal(status.as_u16(), &body))
}

fn refusal(status: u16, body: &[u8]) -> ClientError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
    let message = text("message").unwrap_or_else(|| format!("the server answered with HTTP {status}"));
    ClientError::Refused { kind: text("kind"), message }
}

#[test]
fn a_refusal_says_what_the_server_says() {
    let body = br#"{"error":{"kind":"not_found","message":"no file is called x","retryable":false}}"#;
    let expected = ClientError::Refused { kind: Some("not_found".into()), message: "no file is called x".into() };
    assert_eq!(refusal(404, body), expected);
    assert!(refusal(502, b"<html>").to_string().contains("HTTP 502"));
}
