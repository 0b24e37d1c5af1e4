//! Calls to a running gateway.

use crate::console::said_in_chinese;
use crate::ingest;
use crate::model::Fault;
use crate::tls;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for an answer, seconds.
const ANSWER_S_MAX: u64 = 40;

/// Where the gateway is and who calls.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Address of the gateway
    #[arg(long, global = true, default_value = "http://127.0.0.1:8721", env = "MINGLUO_URL")]
    pub url: String,
    /// File that holds the API key
    #[arg(long, global = true, value_name = "FILE", env = "MINGLUO_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// Certificate (PEM) of the gateway, or of who signed it, for an https address
    #[arg(long, global = true, value_name = "FILE", env = "MINGLUO_CA_FILE")]
    pub ca_file: Option<PathBuf>,
}

/// A caller with a key.
pub(crate) struct Client {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl ClientArgs {
    /// Reads the key.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let key = match (&self.key_file, std::env::var("MINGLUO_KEY")) {
            (Some(file), _) => std::fs::read_to_string(file)
                .with_context(|| format!("reading the API key {}", file.display()))?,
            (None, Ok(key)) => key,
            (None, Err(_)) => bail!(
                "no API key: set MINGLUO_KEY or --key-file; make one with `mingluo keys create`"
            ),
        };
        let mut client = Client::new(&self.url, key.trim());
        if let Some(file) = &self.ca_file {
            client.http = tls::trusting_client(file)?;
        } else if self.url.starts_with("https:") {
            bail!(
                "{} needs --ca-file or MINGLUO_CA_FILE: the certificate of the gateway, or of who \
                 signed it",
                self.url
            );
        }
        Ok(client)
    }
}

impl Client {
    /// A caller.
    #[must_use]
    pub(crate) fn new(url: &str, key: &str) -> Self {
        let base = format!("{}/api/v1", url.trim_end_matches('/'));
        Self { base, key: key.to_owned(), http: tls::plain_client() }
    }

    /// GET.
    ///
    /// # Errors
    /// When the gateway is not there or says no.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.finish(self.http.get(format!("{}{path}", self.base))).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// When the gateway is not there or says no.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.finish(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// POST of bytes.
    ///
    /// # Errors
    /// When the gateway is not there or says no.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base));
        self.finish(request.header("Content-Type", content_type).body(body)).await
    }

    async fn finish(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let request = request.bearer_auth(&self.key).timeout(Duration::from_secs(ANSWER_S_MAX));
        let answer = request.send().await.context("the gateway does not answer; is it running?")?;
        let status = answer.status();
        let text = answer.text().await?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status.is_success() {
            return Ok(body);
        }
        let say = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let faults = body.get("faults").and_then(Value::as_array).cloned().unwrap_or_default();
        let faults: Vec<String> = faults.iter().map(fault).collect();
        bail!("{status} {}: {}{}", say("title"), say("detail"), faults.concat())
    }
}

/// A fault of a refused body in a line of its own, Chinese first; what it says beside place and words is left out.
fn fault(told: &Value) -> String {
    match serde_json::from_value::<Fault>(told.clone()) {
        Ok(fault) => {
            let zh = ingest::said(&fault, &said_in_chinese);
            let en = fault.what;
            if zh.ends_with(&en) { format!("\n  {zh}") } else { format!("\n  {zh}\n    {en}") }
        }
        Err(_) => format!("\n  {told}"),
    }
}

/// Prints an answer: JSON for machines, indented for people.
///
/// # Errors
/// When `out` can't be written.
pub(crate) fn print(
    value: &Value,
    json: bool,
    out: &mut impl std::io::Write,
) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", serde_json::to_string_pretty(value)?)?;
    }
    Ok(())
}
