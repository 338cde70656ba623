//! The numbers of a member's connection, each with its reason.

use std::time::Duration;

/// Connecting to a member; a far one needs three round trips for TCP and TLS.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// From sending a request to the head of its response. API servers end ordinary requests after 60 s,
/// but one that needs ten is ill, and the queue behind it waits.
pub(crate) const RESPONSE_HEAD: Duration = Duration::from_secs(15);
/// The whole of an ordinary request, body included.
pub(crate) const REQUEST: Duration = Duration::from_secs(20);
/// HTTP/2 pings find a half-open connection within about this and [`PING_TIMEOUT`].
pub(crate) const PING_EVERY: Duration = Duration::from_secs(15);
/// A ping that is not answered for so long means the connection is dead.
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// The server is asked to end a watch after so long; kube calls it dead 5 s later. Short enough to
/// notice a silent member, long enough not to be polling.
pub(crate) const WATCH_SECONDS: u32 = 240;
/// Objects a page when listing whole objects: a page is held in memory twice while it is decoded.
pub(crate) const PAGE: u32 = 200;

/// What a server may send on one stream before it is read. Fixed, because a window that adapts itself pings the
/// server with every burst of events.
pub(crate) const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all streams of a connection together.
pub(crate) const CONNECTION_WINDOW: u32 = 4 << 20;
/// Pages to try in turn when a server's answer is larger than [`LIST_BYTES`]: objects of the largest size
/// that etcd takes (1.5 MiB) come through at the last.
pub(crate) const PAGES: [u32; 3] = [PAGE, 20, 2];
/// One page of a list. What a server sends is held in memory, so a member must not decide how much.
pub(crate) const LIST_BYTES: usize = 32 << 20;
/// Any other answer, or one line of a watch: several times the largest object that an API server stores.
pub(crate) const ANSWER_BYTES: usize = 12 << 20;
