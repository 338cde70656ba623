//! Answers of servers, cut off where they grow larger than anything that an API server has reason to
//! send. What arrives is held in memory, and a member must not decide how much of it we need.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use kube::client::Body as RequestBody;
use tower::BoxError;

use super::limits;

/// What is counted of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// The whole of it.
    Whole(usize),
    /// The bytes since the last end of a line: a watch never ends, but each of its events is a line.
    Line(usize),
}

impl Cap {
    /// The cap on the answer to a request.
    pub(crate) fn of(request: &Request<RequestBody>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let mut parts = query.split('&');
        if parts
            .clone()
            .any(|part| matches!(part, "watch=true" | "watch=1"))
        {
            Self::Line(limits::ANSWER_BYTES)
        } else if parts.any(|part| part.starts_with("limit=")) {
            Self::Whole(limits::LIST_BYTES)
        } else {
            Self::Whole(limits::ANSWER_BYTES)
        }
    }

    fn most(self) -> usize {
        match self {
            Self::Whole(most) | Self::Line(most) => most,
        }
    }

    /// The count after `data`.
    fn count(self, before: usize, data: &[u8]) -> usize {
        match self {
            Self::Whole(_) => before.saturating_add(data.len()),
            Self::Line(most) => {
                let mut longest = before;
                let mut current = before;
                for (index, line) in data.split(|byte| *byte == b'\n').enumerate() {
                    current = if index == 0 { before } else { 0 };
                    current = current.saturating_add(line.len());
                    longest = longest.max(current);
                }
                if longest > most { longest } else { current }
            }
        }
    }
}

/// An answer was cut off.
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {0} bytes and was not read to its end")]
pub(crate) struct TooLarge(usize);

/// Whether an error comes from an answer that was cut off.
pub(crate) fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooLarge>() {
            return true;
        }
        // The source of an I/O error is the source of what it wraps, not that itself.
        cause = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}

/// A body that ends in an error when it grows too large.
#[derive(Debug)]
pub(crate) struct Capped<B> {
    inner: B,
    cap: Cap,
    counted: usize,
}

/// Puts the cap on an answer.
pub(crate) fn capped<B>(answer: Response<B>, cap: Cap) -> Response<Capped<B>> {
    answer.map(|inner| Capped {
        inner,
        cap,
        counted: 0,
    })
}

impl<B> Body for Capped<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        if let Some(data) = frame.data_ref() {
            self.counted = self.cap.count(self.counted, data);
            if self.counted > self.cap.most() {
                return Poll::Ready(Some(Err(TooLarge(self.cap.most()).into())));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn read(cap: Cap, parts: &'static [&'static str]) -> Result<usize, BoxError> {
        let frames = parts
            .iter()
            .map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from_static(part.as_bytes()))));
        let body = StreamBody::new(futures::stream::iter(frames));
        let answer = capped(Response::new(body), cap);
        Ok(answer.into_body().collect().await?.to_bytes().len())
    }

    #[tokio::test]
    async fn what_is_too_large_is_cut_off_and_said_so() {
        for (name, cap, parts, expected) in [
            ("small", Cap::Whole(8), &["abcd", "efgh"][..], Some(8)),
            ("large", Cap::Whole(7), &["abcd", "efgh"][..], None),
            (
                "many lines",
                Cap::Line(4),
                &["abcd\nab", "cd\n", "abc\nx"][..],
                Some(15),
            ),
            ("a long line", Cap::Line(4), &["ab\nabc", "de\n"][..], None),
            (
                "a long line in the middle",
                Cap::Line(4),
                &["a\nabcde\na"][..],
                None,
            ),
        ] {
            let read = read(cap, parts).await;
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{name}");
            if let Err(error) = read {
                assert!(is_too_large(error.as_ref()), "{name}: {error}");
            }
        }
    }

    #[test]
    fn watches_are_counted_by_the_line_and_lists_may_be_larger() {
        let cap = |uri: &str| Cap::of(&Request::get(uri).body(RequestBody::empty()).unwrap());
        assert_eq!(
            cap("/api/v1/pods?watch=true&timeoutSeconds=240"),
            Cap::Line(limits::ANSWER_BYTES)
        );
        assert_eq!(
            cap("/api/v1/pods?limit=200"),
            Cap::Whole(limits::LIST_BYTES)
        );
        assert_eq!(cap("/apis/x/y/z"), Cap::Whole(limits::ANSWER_BYTES));
    }
}
