//! Sums of a device compared with those of the processor.

use burn::tensor::{Device, Tensor, TensorData};
use burn_cubecl::ops::into_data_sync;
use reenact_core::state::{Fingerprint, fingerprint, fingerprint_of_sums};

use super::*;

/// Every bit pattern may come, so also numbers that are none.
fn pattern(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761) ^ i)).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn tensor(values: Vec<f32>) -> Tensor<1> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), &Device::cpu())
}

/// Lets `units` units sum each block, as on a GPU.
fn summed_by(units: usize, values: &[f32]) -> Fingerprint {
    let place = Held::new(&tensor(values.to_vec())).place();
    let blocks = blocks(4 * values.len() as u64);
    let room: Vec<u8> = [7u64].repeat(blocks + 2).iter().flat_map(|n| n.to_le_bytes()).collect();
    let sums = on_device_of(&place, Some(&room), blocks + 2, DType::U64);
    assert_eq!(launch(&[place], &sums, 1, units, &mut Constants::default()), blocks);
    let sums: Vec<u64> = into_data_sync(sums).try_to_vec().unwrap();
    let (last, sums) = sums.split_last().unwrap();
    assert_eq!((sums[0], *last), (7, 7), "the neighbours' places are left alone");
    fingerprint_of_sums(4 * values.len() as u64, sums[1..].iter().copied())
}

#[test]
fn any_number_of_units_sums_like_the_processor() {
    let counts = [1, 2, 15, 16, 17, 1023, 1024, 1025, 9 * 1024 + 3];
    let alone = counts.map(|count| (1, count));
    // The processor runs a thread a unit and lets them wait by turns, so not all.
    for (units, count) in alone.into_iter().chain([(2, 17), (2, 9 * 1024 + 3), (4, 1025)]) {
        let values = pattern(count);
        let found = summed_by(units, &values);
        assert_eq!(found, fingerprint(&bytes(&values)), "{count} elements, {units} units");
    }
}

/// A GPU gives 16 places to 10 elements.
#[test]
fn what_stands_between_rows_is_not_summed() {
    for (rows, width, pitch) in [(1, 10, 16), (3, 10, 16), (57, 57, 64), (300, 5, 128)] {
        let values = pattern(rows * pitch);
        let place = Held::new(&tensor(values.clone())).place();
        let meta = cubecl::zspace::metadata::Metadata::new([rows, width], [pitch, 1]);
        let CubeTensor { client, handle, device, dtype, .. } = place;
        let padded = CubeTensor::new(client, handle, meta, device, dtype);
        assert_eq!(rows::pitch(&padded), Some((width, pitch)));
        let blocks = blocks((4 * rows * width) as u64);
        let sums = on_device_of(&padded, None, blocks, DType::U64);
        launch(&[padded], &sums, 0, 1, &mut Constants::default());
        let sums: Vec<u64> = into_data_sync(sums).try_to_vec().unwrap();
        let found = fingerprint_of_sums((4 * rows * width) as u64, sums);
        let dense: Vec<f32> = values.chunks(pitch).flat_map(|row| row[..width].to_vec()).collect();
        assert_eq!(found, fingerprint(&bytes(&dense)), "{rows} x {width}");
    }
}

#[test]
fn tensors_of_a_step_share_a_buffer_and_a_download() {
    let lens = [0, 1, 77, 1024, 5000, 1025];
    // More than one launch; each begins elsewhere in the pattern.
    let values = |at: usize| pattern(lens[at % lens.len()] + at).split_off(at);
    let all: Vec<Vec<f32>> = (0..2 * TENSORS_MAX).map(values).collect();
    let mut constants = Constants::default();
    for _ in 0..2 {
        let mut sums = Sums::default();
        let add = |values: &Vec<f32>| sums.add(Held::new(&tensor(values.clone()))).unwrap();
        let places: Vec<Summed> = all.iter().map(add).collect();
        let others = [2.5, -1.0].map(|value| Held::new(&tensor(vec![value])));
        let (sums, others) = sums.download(others.into(), &mut constants);
        assert_eq!(others, [2.5, -1.0]);
        for (Summed { byte_len, blocks }, values) in places.into_iter().zip(&all) {
            let found = fingerprint_of_sums(byte_len, sums[blocks].iter().copied());
            assert_eq!(found, fingerprint(&bytes(values)), "{byte_len} bytes");
        }
        assert_eq!(constants.tables.len(), 2, "tables stay on the device");
    }
}

#[test]
fn what_the_kernel_cannot_read_is_left_to_the_processor() {
    let half = tensor(pattern(3)).cast(burn::tensor::FloatDType::F16);
    assert!(Sums::default().add(Held::new(&half)).is_none());
}

#[test]
fn a_transposed_tensor_is_read_in_canonical_order() {
    let tensor = tensor(pattern(60)).reshape([4, 15]).transpose();
    let mut sums = Sums::default();
    let place = sums.add(Held::new(&tensor)).unwrap();
    let (sums, _) = sums.download(Vec::new(), &mut Constants::default());
    let found = fingerprint_of_sums(place.byte_len, sums);
    assert_eq!(found, fingerprint(tensor.into_data().as_bytes()));
}
