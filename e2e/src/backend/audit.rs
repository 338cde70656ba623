//! What was asked of a real API server, from its audit log (`e2e/realcp`: one JSON object a line, at the level
//! Metadata). Requests of the cluster's own controllers are left out: they are a part of the cluster.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde::Deserialize;

use super::Request;
use crate::failure::{Failure, Outcome};

/// User agents of what belongs to the cluster.
const OWN: &[&str] = &[
    "kube-apiserver/",
    "kube-controller-manager/",
    "kube-scheduler/",
    "simlet",
];

/// An audit log that is read as it grows.
#[derive(Debug)]
pub(super) struct AuditLog {
    path: PathBuf,
    read: u64,
    requests: Vec<Request>,
}

impl AuditLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            requests: Vec::new(),
        }
    }

    /// Everything that has been asked so far.
    pub(super) fn requests(&mut self) -> Outcome<&[Request]> {
        let failed = |error: std::io::Error| {
            Failure::Backend(format!("the audit log {}: {error}", self.path.display()))
        };
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.read)).map_err(failed)?;
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        loop {
            line.clear();
            let count = lines.read_line(&mut line).map_err(failed)?;
            // A line without its end is still being written.
            if !line.ends_with('\n') {
                break;
            }
            self.read += count as u64;
            let event: Event = serde_json::from_str(&line)
                .map_err(|error| Failure::Backend(format!("the audit log: {error}: {line}")))?;
            self.requests.extend(event.request());
        }
        Ok(&self.requests)
    }
}

/// What is read of an event (`audit.k8s.io/v1`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: Reference,
    #[serde(default)]
    response_status: Response,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct Response {
    #[serde(default)]
    code: u16,
}

impl Event {
    /// As the other backends tell of it; nothing for the cluster's own.
    fn request(self) -> Option<Request> {
        if OWN.iter().any(|own| self.user_agent.starts_with(own)) {
            return None;
        }
        let query = self
            .request_uri
            .split_once('?')
            .map_or("", |(_, query)| query);
        let asks = |key: &str| query.split('&').any(|pair| pair.starts_with(key));
        // Only an apply may say whether it is forced; the event does not tell the content type.
        let verb = if self.verb == "patch" && asks("force=") {
            "apply".to_owned()
        } else {
            self.verb
        };
        let writes = matches!(
            verb.as_str(),
            "create" | "update" | "patch" | "apply" | "delete" | "deletecollection"
        );
        // The event has completed the name from the body; it was not in the path.
        let is_post = verb == "create" && self.object_ref.subresource.is_empty();
        Some(Request {
            write: writes && !asks("dryRun="),
            verb,
            name: if is_post {
                String::new()
            } else {
                self.object_ref.name
            },
            resource: self.object_ref.resource,
            subresource: self.object_ref.subresource,
            namespace: self.object_ref.namespace,
            status: self.response_status.code,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn line(agent: &str, verb: &str, uri: &str, name: &str) -> String {
        format!(
            r#"{{"kind":"Event","verb":"{verb}","requestURI":"{uri}","userAgent":"{agent}","objectRef":{{"resource":"configmaps","namespace":"n","name":"{name}","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":200}}}}"#
        )
    }

    #[test]
    fn requests_are_told_as_they_were_asked() {
        for (name, event, expected) in [
            (
                "an apply",
                line("", "patch", "/x?fieldManager=n&force=false", "a"),
                Some(("apply", "a", true)),
            ),
            (
                "a patch",
                line("", "patch", "/x?fieldManager=n", "a"),
                Some(("patch", "a", true)),
            ),
            (
                "a create has no name in its path",
                line("kubectl/1", "create", "/x", "a"),
                Some(("create", "", true)),
            ),
            (
                "a dry run",
                line("", "update", "/x?dryRun=All", "a"),
                Some(("update", "a", false)),
            ),
            (
                "a read",
                line("", "get", "/x", "a"),
                Some(("get", "a", false)),
            ),
            (
                "the cluster's own",
                line("kube-controller-manager/v1", "create", "/x", "a"),
                None,
            ),
        ] {
            let request = serde_json::from_str::<Event>(&event).unwrap().request();
            let found = request.map(|request| (request.verb, request.name, request.write));
            let expected =
                expected.map(|(verb, object, write)| (verb.to_owned(), object.to_owned(), write));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_log_is_read_as_it_grows() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut log = AuditLog::new(file.path().to_owned());
        let whole = line("", "get", "/x", "a");
        let (begun, rest) = whole.split_at(20);
        write!(file, "{whole}\n{begun}").unwrap();
        assert_eq!(log.requests().unwrap().len(), 1);
        writeln!(file, "{rest}").unwrap();
        assert_eq!(log.requests().unwrap().len(), 2);
        assert_eq!(log.requests().unwrap().len(), 2);
    }
}
