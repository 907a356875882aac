//! The data of a training as burn's book writes it: items, a data set, a batcher.

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::InMemDataset;
use burn::tensor::{Device, Int, Tensor, TensorData};

const IMAGES: &[u8] = include_bytes!("../../../../models/data/digits-images.idx3-ubyte");
const LABELS: &[u8] = include_bytes!("../../../../models/data/digits-labels.idx1-ubyte");
const PIXELS: usize = 64;
const IMAGES_HEADER_BYTES: usize = 16;
const LABELS_HEADER_BYTES: usize = 8;

/// An image of 8 by 8 pixels, and the digit that it shows.
#[derive(Clone, Debug)]
pub(crate) struct Digit {
    image: [f32; PIXELS],
    label: u8,
}

/// Returns the first four fifths of the digits for training, or the rest.
pub(crate) fn digits(training: bool) -> InMemDataset<Digit> {
    let images = IMAGES[IMAGES_HEADER_BYTES..].chunks_exact(PIXELS);
    let labels = &LABELS[LABELS_HEADER_BYTES..];
    let split = labels.len() * 4 / 5;
    let item = |(image, &label): (&[u8], &u8)| {
        let mut item = Digit { image: [0.0; PIXELS], label };
        item.image.iter_mut().zip(image).for_each(|(to, from)| *to = f32::from(*from) / 16.0);
        item
    };
    let items = images.zip(labels).map(item);
    InMemDataset::new(match training {
        true => items.take(split).collect(),
        false => items.skip(split).collect(),
    })
}

/// Some digits.
#[derive(Clone, Debug)]
pub(crate) struct DigitBatch {
    /// Shape `[samples, 8, 8]`.
    pub(crate) images: Tensor<3>,
    /// Shape `[samples]`.
    pub(crate) targets: Tensor<1, Int>,
}

/// Puts digits into a batch.
#[derive(Clone, Debug)]
pub(crate) struct DigitBatcher;

impl Batcher<Digit, DigitBatch> for DigitBatcher {
    fn batch(&self, items: Vec<Digit>, device: &Device) -> DigitBatch {
        let images = items.iter().map(|item| {
            let data = TensorData::new(item.image.to_vec(), [1, 8, 8]);
            Tensor::<3>::from_data(data, device)
        });
        let targets: Vec<i64> = items.iter().map(|item| item.label.into()).collect();
        DigitBatch {
            images: Tensor::cat(images.collect(), 0),
            targets: Tensor::from_data(TensorData::new(targets, [items.len()]), device),
        }
    }
}
