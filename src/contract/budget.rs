//! Counts the frames in this process as long as they live, so that the broker knows how much memory is left
//! for workers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::limits::Limits;

/// Number of copies of a frame that the broker holds while it sends it.
pub(crate) const COPIES: u64 = 2;

/// The memory that the frames of one datasource take in the broker: frames that are collected or sent, and
/// cached frames.
#[derive(Debug)]
pub struct FrameBudget {
    /// Bytes that the frames take, or will take while they are sent.
    taken: AtomicU64,
    most: u64,
    /// Cached frames, which can be dropped when memory is needed.
    evictable: Mutex<Vec<Weak<EvictableFrame>>>,
}

impl FrameBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { taken: AtomicU64::new(0), most: limits.frame_bytes(), evictable: Mutex::default() }
    }

    /// Returns the bytes that the frames take, or will take while they are sent.
    pub(crate) fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    fn sub(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns whether a frame may take `more` bytes. Drops cached frames if there is no room otherwise.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        let fits = || self.bytes() + COPIES * more as u64 <= self.most;
        fits() || (self.relieve() && fits())
    }

    /// Drops all cached frames. Returns whether there were any.
    pub(crate) fn relieve(&self) -> bool {
        let slots = std::mem::take(&mut *self.evictable.lock());
        slots.iter().filter_map(Weak::upgrade).filter(|slot| slot.clear()).count() > 0
    }
}

/// A frame's bytes, counted as long as they live.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    /// Bytes outside `bytes` that are counted with the frame.
    beside: u64,
    held: Arc<FrameBudget>,
}

impl Frame {
    pub(crate) fn new(held: Arc<FrameBudget>) -> Self {
        Self { bytes: Vec::new(), beside: 0, held }
    }

    /// Counts `beside` more bytes, which other data takes, as long as the frame lives.
    pub(crate) fn weigh(&mut self, beside: usize) {
        self.held.add(beside as u64);
        self.beside += beside as u64;
    }

    /// Lets `append` add bytes to the frame, and counts them.
    pub(crate) async fn extend<T>(&mut self, append: impl AsyncFnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        let result = append(&mut self.bytes).await;
        self.held.add(COPIES * (self.bytes.len() - before) as u64);
        result
    }

    /// Keeps the frame for several answers, together with `beside` bytes of other data.
    #[must_use]
    pub fn cached(mut self, beside: usize) -> CachedFrame {
        let mut bytes = std::mem::take(&mut self.bytes);
        self.held.sub(COPIES * bytes.len() as u64 + std::mem::take(&mut self.beside));
        bytes.shrink_to_fit();
        let weight = (bytes.len() + beside) as u64;
        self.held.add(weight);
        let held = Arc::clone(&self.held);
        CachedFrame(Bytes::from_owner(Counted { bytes, weight, held: Arc::clone(&held) }), held)
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        Self::from_owner(frame)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.held.sub(COPIES * self.bytes.len() as u64 + self.beside);
    }
}

/// A frame that is kept for several answers. The broker holds it once, and one more copy for each answer that
/// is being sent.
#[derive(Debug, Clone)]
pub struct CachedFrame(Bytes, Arc<FrameBudget>);

impl CachedFrame {
    /// Returns the frame for one answer without copying it; `None` if there is no memory to send it.
    #[must_use]
    pub fn lend(&self) -> Option<Bytes> {
        let fits = || self.1.bytes() + self.0.len() as u64 <= self.1.most;
        (fits() || (self.1.relieve() && fits())).then(|| self.lend_anyway())
    }

    /// Returns the frame like [`Self::lend`], but without a check: the query that made the frame has the
    /// memory for it.
    #[must_use]
    pub fn lend_anyway(&self) -> Bytes {
        let weight = self.0.len() as u64;
        self.1.add(weight);
        Bytes::from_owner(Counted { bytes: self.0.clone(), weight, held: Arc::clone(&self.1) })
    }

    /// Returns a slot that holds the frame until its memory is needed.
    #[must_use]
    pub fn evictable(&self) -> Arc<EvictableFrame> {
        let slot = Arc::new(EvictableFrame(Mutex::new(Some(self.clone()))));
        let mut slots = self.1.evictable.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }
}

/// Holds a cached frame, which may be dropped at any time.
#[derive(Debug)]
pub struct EvictableFrame(Mutex<Option<CachedFrame>>);

impl EvictableFrame {
    /// Returns the frame, if it is still there.
    #[must_use]
    pub fn get(&self) -> Option<CachedFrame> {
        self.0.lock().clone()
    }

    /// Drops the frame. Returns whether it was there.
    pub fn clear(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

/// Bytes that are counted as long as they live.
struct Counted<B> {
    bytes: B,
    weight: u64,
    held: Arc<FrameBudget>,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Counted<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        self.held.sub(self.weight);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::MB;

    fn held() -> Arc<FrameBudget> {
        let limits = Limits {
            timeout: Duration::from_secs(1),
            max_rows: None,
            most_rows: None,
            max_result_bytes: MB,
            memory_bytes: 4 * MB,
        };
        let held = FrameBudget::new(&limits);
        assert_eq!(held.most, 20 * MB);
        Arc::new(held)
    }

    async fn frame(held: &Arc<FrameBudget>, megabytes: usize) -> Frame {
        let mut frame = Frame::new(Arc::clone(held));
        frame.extend(async |bytes| bytes.resize(megabytes << 20, 1)).await;
        frame
    }

    #[tokio::test]
    async fn a_frame_counts_twice_while_it_is_sent_and_once_while_it_rests() {
        let held = held();
        let mut moving = frame(&held, 3).await;
        assert_eq!(held.bytes(), 6 * MB);
        moving.weigh(7);
        assert_eq!(held.bytes(), 6 * MB + 7);
        let resting = moving.cached(5);
        assert_eq!(held.bytes(), 3 * MB + 5);
        let (one, two) = (resting.lend().unwrap(), resting.lend().unwrap());
        assert_eq!(one.as_ptr(), two.as_ptr(), "nothing is copied");
        assert_eq!(held.bytes(), 9 * MB + 5);
        drop((resting, one));
        assert_eq!(held.bytes(), 6 * MB + 5, "the last answer keeps it");
        drop(two);
        assert_eq!(held.bytes(), 0);
        let mut dropped = frame(&held, 1).await;
        dropped.weigh(7);
        drop(dropped);
        assert_eq!(held.bytes(), 0);
    }

    #[tokio::test]
    async fn what_rests_makes_room() {
        let held = held();
        let slots =
            [frame(&held, 8).await.cached(0).evictable(), frame(&held, 4).await.cached(0).evictable()];
        assert_eq!(held.bytes(), 12 * MB);
        assert!(held.has_room(4 << 20));
        assert!(slots.iter().all(|slot| slot.get().is_some()), "there was room");
        assert!(held.has_room(5 << 20));
        assert!(slots.iter().all(|slot| slot.get().is_none()));
        assert_eq!(held.bytes(), 0);
        assert!(!held.has_room(11 << 20), "more than there is");
    }
}
