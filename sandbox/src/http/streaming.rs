//! Watches over HTTP: a stream of events, each sent as soon as it is there.

use super::exchange::{Body, json};
use super::media::{Encoding, Form, Media};
use super::shape;
use crate::cluster::{Watch, WatchEvent, WatchEventKind};
use crate::proto;
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How a watch is sent.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) watch: Watch,
    pub(super) media: Media,
    pub(super) shaping: shape::Shaping,
    /// Ends the stream orderly.
    pub(super) until: Instant,
    /// Ends it when the server stops.
    pub(super) stop: CancellationToken,
    /// Cuts it after so many events, as a fault.
    pub(super) cut_after: Option<usize>,
    pub(super) sent: usize,
}

/// Watches without a timeout end by themselves between 30 and 60 minutes, as a real server's do.
pub(super) const LONGEST: Duration = Duration::from_secs(1800);

/// How long a watch that is to be cut still stands after its last event.
const CUT_DELAY: Duration = Duration::from_millis(30);

/// The body of the answer.
pub(super) fn body(streaming: Streaming) -> Body {
    let frames = stream::unfold(streaming, |mut streaming| async move {
        let frame = streaming.next().await?;
        Some((frame.map(Frame::data), streaming))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl Streaming {
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        if self.cut_after.is_some_and(|n| self.sent >= n) {
            // What was sent before goes out first: a cut would take it along.
            tokio::time::sleep(CUT_DELAY).await;
            return Some(Err(std::io::Error::other(
                "the watch was cut by an injected fault",
            )));
        }
        let event = tokio::select! {
            event = self.watch.next() => event?,
            () = tokio::time::sleep_until(self.until) => return None,
            () = self.stop.cancelled() => return None,
        };
        let mut bytes = BytesMut::new();
        self.write(&event, &mut bytes);
        // What is there already goes in the same frame: a burst costs one write, not thousands.
        while bytes.len() < 64 * 1024
            && self.cut_after.is_none()
            && let Some(event) = self.watch.try_next()
        {
            self.write(&event, &mut bytes);
        }
        Some(Ok(bytes.freeze()))
    }

    fn write(&mut self, event: &WatchEvent, out: &mut BytesMut) {
        let first = self.sent == 0;
        self.sent += 1;
        let shaped = match event.kind {
            WatchEventKind::Error => None,
            _ if self.media.form == Form::Object => None,
            _ => Some(self.shaping.event_object(event, self.media.form, first)),
        };
        if self.media.encoding == Encoding::Protobuf {
            let object = shaped.as_ref().unwrap_or(&event.object);
            frame(event.kind.as_str(), object, out);
            return;
        }
        let object = match (&shaped, &event.change) {
            (Some(value), _) => Bytes::from(json(value)),
            (None, Some(change)) => change.json(|v| Bytes::from(json(v))),
            (None, None) => Bytes::from(json(&*event.object)),
        };
        out.put_slice(b"{\"type\":\"");
        out.put_slice(event.kind.as_str().as_bytes());
        out.put_slice(b"\",\"object\":");
        out.put_slice(&object);
        out.put_slice(b"}\n");
    }
}

/// A frame of a protobuf stream: its length in four bytes, then a WatchEvent.
fn frame(kind: &str, object: &Value, out: &mut BytesMut) {
    let bytes = proto::encode_watch_event(kind, object).or_else(|error| {
        tracing::warn!(%error, "an object has no protobuf form");
        let status = crate::status::Status::internal(error).to_value();
        proto::encode_watch_event("ERROR", &status)
    });
    // The length is in them already.
    let bytes = bytes.unwrap_or_default();
    out.put_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn protobuf_frames_begin_with_their_length() {
        let mut out = BytesMut::new();
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
        frame("ADDED", &object, &mut out);
        let length = out.split_to(4);
        assert_eq!(
            u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize,
            out.len()
        );
    }
}
