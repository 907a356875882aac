//! Work in shards of about equal cost.

/// Deals units to so many shards, the dearest first and each to the shard with least; no more
/// shards than units. Longest processing time first (Graham, 1969): at most a third worse than
/// the best deal. A shard keeps the order of the units.
pub(crate) fn dealt(costs: &[f64], count: usize) -> Vec<Vec<u32>> {
    let count = count.clamp(1, costs.len().max(1));
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by(|&a, &b| costs[b].total_cmp(&costs[a]).then(a.cmp(&b)));
    let mut shards = vec![(0.0, Vec::new()); count];
    for unit in order {
        let least = (0..count).min_by(|&a, &b| f64::total_cmp(&shards[a].0, &shards[b].0));
        let (cost, units) = &mut shards[least.unwrap_or(0)];
        *cost += costs[unit].max(f64::MIN_POSITIVE);
        units.push(unit as u32);
    }
    shards
        .into_iter()
        .map(|(_, mut units)| {
            units.sort_unstable();
            units
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_dealt_once_and_no_shard_is_much_dearer() {
        let costs: Vec<f64> = (0..200).map(|unit| f64::from(1 + unit * 7 % 13)).collect();
        for count in [1, 2, 3, 8, 200] {
            let shards = dealt(&costs, count);
            let mut all: Vec<u32> = shards.iter().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!((all, shards.len()), ((0..200).collect(), count));
            let cost = |units: &Vec<u32>| units.iter().map(|&unit| costs[unit as usize]).sum();
            let dearest: f64 = shards.iter().map(cost).fold(0.0, f64::max);
            assert!(dearest <= costs.iter().sum::<f64>() / count as f64 + 13.0, "{count}");
        }
    }

    #[test]
    fn there_is_no_shard_without_work_unless_there_is_none() {
        assert_eq!(dealt(&[1.0, 2.0], 8), [vec![1], vec![0]]);
        assert_eq!(dealt(&[], 8), [Vec::<u32>::new()]);
        // What costs nothing is dealt out all the same.
        assert_eq!(dealt(&[0.0, 0.0], 2), [vec![0], vec![1]]);
    }
}
