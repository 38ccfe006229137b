//! When to try for more. Owns the timing and the size of probe clusters; refuses to build packets.

/// One cluster.
const CLUSTER_US: u64 = 150_000;
/// Reports of a cluster are awaited for this long after its end.
const GRACE_US: u64 = 600_000;
const FIRST_PAUSE_US: u64 = 3_000_000;
const LONGEST_PAUSE_US: u64 = 30_000_000;
/// A cluster that needs more than this is not sent.
const MAX_CLUSTER_BYTES: u64 = 400_000;

#[derive(Clone, Copy, Debug)]
struct Cluster {
    id: u8,
    goal: u64,
    started: u64,
    /// Media and padding sent since the start.
    sent: u64,
    /// Arrival (receiver's clock, us) of the first and the last packet, bytes after the first.
    first_arrival: Option<i64>,
    last_arrival: i64,
    acked: u64,
}

/// Sends short bursts of padding when a higher layer is wanted but not known to fit.
#[derive(Debug)]
pub(crate) struct Prober {
    cluster: Option<Cluster>,
    next_id: u8,
    pause_us: u64,
    next_at: u64,
}

impl Default for Prober {
    fn default() -> Self {
        Self {
            cluster: None,
            next_id: 1,
            pause_us: FIRST_PAUSE_US,
            next_at: 0,
        }
    }
}

impl Prober {
    /// Congestion was seen: not now.
    pub(crate) fn congested(&mut self, now_us: u64) {
        if self.cluster.take().is_some() {
            self.fail(now_us);
        } else {
            self.next_at = self.next_at.max(now_us + FIRST_PAUSE_US);
        }
    }

    /// Starts a cluster towards `goal` bit/s if it is time.
    pub(crate) fn start(&mut self, now_us: u64, goal: u64) -> bool {
        if self.cluster.is_some()
            || now_us < self.next_at
            || goal * CLUSTER_US / 8_000_000 > MAX_CLUSTER_BYTES
        {
            return false;
        }
        self.cluster = Some(Cluster {
            id: self.next_id,
            goal,
            started: now_us,
            sent: 0,
            first_arrival: None,
            last_arrival: i64::MIN,
            acked: 0,
        });
        self.next_id = if self.next_id == u8::MAX {
            1
        } else {
            self.next_id + 1
        };
        true
    }

    /// Number that packets sent now belong to, 0 when no cluster is under way.
    pub(crate) fn current(&self, now_us: u64) -> u8 {
        match &self.cluster {
            Some(cluster) if now_us < cluster.started + CLUSTER_US => cluster.id,
            _ => 0,
        }
    }

    pub(crate) fn sent(&mut self, id: u8, bytes: usize) {
        if let Some(cluster) = self
            .cluster
            .as_mut()
            .filter(|cluster| id != 0 && cluster.id == id)
        {
            cluster.sent += bytes as u64;
        }
    }

    /// Bytes of padding due now.
    pub(crate) fn due(&self, now_us: u64) -> usize {
        let Some(cluster) = &self.cluster else {
            return 0;
        };
        let elapsed = now_us.saturating_sub(cluster.started);
        if elapsed >= CLUSTER_US {
            return 0;
        }
        // One tick ahead, so that the cluster is not short by its last tick.
        let until = (elapsed + 5_000).min(CLUSTER_US);
        (cluster.goal * until / 8_000_000).saturating_sub(cluster.sent) as usize
    }

    pub(crate) fn acked(&mut self, id: u8, arrived: i64, bytes: usize) {
        let Some(cluster) = self
            .cluster
            .as_mut()
            .filter(|cluster| id != 0 && cluster.id == id)
        else {
            return;
        };
        if cluster.first_arrival.is_none() {
            cluster.first_arrival = Some(arrived);
        } else {
            cluster.acked += bytes as u64;
        }
        cluster.last_arrival = cluster.last_arrival.max(arrived);
    }

    /// The rate that a finished cluster has proven, or its failure as 0; nothing while it is under way.
    pub(crate) fn result(&mut self, now_us: u64) -> Option<u64> {
        let cluster = self.cluster?;
        let end = cluster.started + CLUSTER_US;
        // Nearly all packets were reported, or no report is coming any more.
        let complete = cluster.acked * 100 >= cluster.sent * 90;
        if now_us < end || (!complete && now_us < end + GRACE_US) {
            return None;
        }
        self.cluster = None;
        let span = cluster
            .first_arrival
            .map_or(0, |first| cluster.last_arrival - first);
        let enough = cluster.acked * 100 >= cluster.sent * 85;
        if span <= 10_000 || !enough {
            self.fail(now_us);
            return Some(0);
        }
        let received = cluster.acked * 8_000_000 / span as u64;
        let proven = received.min(cluster.goal);
        if proven * 100 < cluster.goal * 85 {
            self.fail(now_us);
        } else {
            self.pause_us = FIRST_PAUSE_US;
            self.next_at = now_us + 200_000;
        }
        Some(proven)
    }

    /// REMB tells no packets: the cluster counts as failed unless the estimate rises, see [`Prober::proven`].
    pub(crate) fn expire(&mut self, now_us: u64) {
        if self
            .cluster
            .is_some_and(|cluster| now_us >= cluster.started + CLUSTER_US + GRACE_US)
        {
            self.cluster = None;
            self.fail(now_us);
        }
    }

    pub(crate) fn proven(&mut self, now_us: u64) {
        self.cluster = None;
        self.pause_us = FIRST_PAUSE_US;
        self.next_at = now_us + 200_000;
    }

    pub(crate) fn deadline(&self, now_us: u64) -> Option<u64> {
        let cluster = self.cluster?;
        let end = cluster.started + CLUSTER_US;
        Some(if now_us < end {
            now_us + 5_000
        } else {
            end + GRACE_US
        })
    }

    fn fail(&mut self, now_us: u64) {
        self.next_at = now_us + self.pause_us;
        self.pause_us = (self.pause_us + self.pause_us / 2).min(LONGEST_PAUSE_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_back_off_to_thirty_seconds() {
        let mut prober = Prober::default();
        let mut starts = Vec::new();
        for ms in 0..200_000u64 {
            let now = ms * 1000;
            if prober.start(now, 1_000_000) {
                starts.push(ms);
            }
            if prober.cluster.is_some() {
                prober.congested(now);
            }
        }
        let gaps: Vec<u64> = starts.windows(2).map(|w| w[1] - w[0]).collect();
        assert_eq!(gaps[0], 3000);
        assert_eq!(*gaps.last().unwrap(), 30_000);
    }

    #[test]
    fn padding_fills_what_media_leaves() {
        let mut prober = Prober::default();
        assert!(prober.start(0, 800_000));
        assert_eq!(prober.due(5_000), 1000);
        let id = prober.current(5_000);
        prober.sent(id, 1000);
        assert_eq!(prober.due(5_000), 0);
        assert_eq!(prober.due(150_000), 0);
    }
}
