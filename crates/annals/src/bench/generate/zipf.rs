//! Few are busy, many are quiet: rank k is drawn in proportion to k^-s.

use super::draw::Draw;

pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    pub fn new(ranks: usize, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=ranks).map(|rank| (rank as f64).powf(-exponent));
        Zipf {
            cumulative: weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        }
    }

    /// A rank, from 0, among the first `among`: the table of the largest group serves the smaller ones too.
    pub fn rank(&self, draw: &mut Draw, among: usize) -> usize {
        let among = &self.cumulative[..among.clamp(1, self.cumulative.len())];
        let point = draw.unit() * among[among.len() - 1];
        among.partition_point(|cumulative| *cumulative <= point).min(among.len() - 1)
    }
}
