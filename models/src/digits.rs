//! Images of digits: those that come with the source, and any in IDX files.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use reenact_burn::{BatchTensors, Column, Files, InMemory, disk};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::state::DType;
use reenact_core::trainer::{Metric, Setting, TrainerError};

use crate::Idx;
use crate::loss::cross_entropy;

/// Number of classes.
pub(crate) const CLASSES: usize = 10;

const IMAGES: &[u8] = include_bytes!("../data/digits-images.idx3-ubyte");
const LABELS: &[u8] = include_bytes!("../data/digits-labels.idx1-ubyte");

const IMAGES_FILE: &str = "images.idx3-ubyte";
const LABELS_FILE: &str = "labels.idx1-ubyte";

/// Limits a file that a user points at.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Selects a part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first four fifths.
    Training,
    /// The last fifth.
    HeldOut,
}

/// Opens the data set `digits`, which comes with the source, or `idx`: the
/// files `images.idx3-ubyte` and `labels.idx1-ubyte` in the data folder.
pub(crate) fn open(
    spec: &Spec,
    setting: &Setting,
    part: Part,
) -> Result<Arc<dyn DataSet>, TrainerError> {
    let name = spec.data.name.as_str();
    if !spec.data.files.is_empty() && name == "idx" {
        return on_disk(spec, setting, part);
    }
    let read = match name {
        "digits" => parse(IMAGES, LABELS),
        "idx" => files(&setting.data_dir),
        _ => Err("it is not known; this program has `digits` and `idx`".into()),
    };
    let refuse = |problem| TrainerError::Data { name: name.into(), problem };
    let (images, labels) = read.map_err(refuse)?;
    Ok(Arc::new(select(&images, &labels, part).map_err(refuse)?))
}

/// Opens the files that a spec declares, and leaves the samples there.
fn on_disk(spec: &Spec, setting: &Setting, part: Part) -> Result<Arc<dyn DataSet>, TrainerError> {
    let refuse = |problem: String| TrainerError::Data { name: spec.data.name.clone(), problem };
    let column = |file: &str, name| {
        let file = Files::verified(spec, setting, file)?;
        let column = disk::Idx::open(file).and_then(|idx| idx.column(name));
        column.map_err(|error| refuse(error.to_string()))
    };
    let (images, labels) = (column(IMAGES_FILE, "images")?, column(LABELS_FILE, "labels")?);
    let (samples, all) = (images.samples(), labels.samples());
    if samples != all {
        return Err(refuse(format!("{samples} images, but {all} labels")));
    }
    let split = samples * 4 / 5;
    let range = match part {
        Part::Training => 0..split,
        Part::HeldOut => split..samples,
    };
    let part = |column: disk::Column| {
        column.part(range.clone()).map_err(|error| refuse(error.to_string()))
    };
    let columns = disk::Columns::new(vec![part(images)?, part(labels)?]).map_err(refuse)?;
    Ok(Arc::new(columns))
}

fn files(folder: &Path) -> Result<(Idx, Idx), String> {
    let images = file(&folder.join(IMAGES_FILE))?;
    let labels = file(&folder.join(LABELS_FILE))?;
    parse(&images, &labels)
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let size = std::fs::metadata(path)?.len();
        if size > FILE_BYTES_MAX {
            return Err(std::io::Error::other("more than 2^30 bytes"));
        }
        std::fs::read(path)
    };
    read().map_err(|error| format!("{}: {error}", path.display()))
}

fn parse(images: &[u8], labels: &[u8]) -> Result<(Idx, Idx), String> {
    let images = Idx::parse(images, 3).map_err(|error| format!("images: {error}"))?;
    let labels = Idx::parse(labels, 1).map_err(|error| format!("labels: {error}"))?;
    if images.dims[0] != labels.dims[0] {
        return Err(format!("{} images, but {} labels", images.dims[0], labels.dims[0]));
    }
    if let Some(label) = labels.bytes.iter().find(|label| usize::from(**label) >= CLASSES) {
        return Err(format!("the label {label} is none of 0 to {}", CLASSES - 1));
    }
    Ok((images, labels))
}

fn select(images: &Idx, labels: &Idx, part: Part) -> Result<InMemory, String> {
    let (samples, shape) = (images.dims[0], images.dims[1..].to_vec());
    let pixels: usize = shape.iter().product();
    let split = samples * 4 / 5;
    let range = match part {
        Part::Training => 0..split,
        Part::HeldOut => split..samples,
    };
    let bytes = images.bytes[range.start * pixels..range.end * pixels].to_vec();
    let images = Column { name: "images", dtype: DType::U8, shape, bytes };
    let bytes = labels.bytes[range].to_vec();
    let labels = Column { name: "labels", dtype: DType::U8, shape: vec![], bytes };
    InMemory::new(vec![images, labels])
}

/// Checks the largest value of a pixel, by which the images are divided.
pub(crate) fn check_brightest(brightest: f64) -> Result<(), String> {
    if brightest > 0.0 && brightest.is_finite() {
        return Ok(());
    }
    Err(format!("`brightest = {brightest}`: it has to be above 0"))
}

/// Checks that the images are squares of this side.
pub(crate) fn check_side(data: &dyn DataSet, side: usize) -> Result<(), String> {
    let sample = data.batch(&[0]).map_err(|error| error.to_string())?;
    let shape = sample.tensors.first().map_or(&[][..], |images| &images.shape);
    if shape == [1, side, side] {
        return Ok(());
    }
    Err(format!("`side = {side}`, but the images are {:?}", shape.get(1..).unwrap_or_default()))
}

/// Returns the images of a batch, one value a pixel, scaled to about 0 to 1.
pub(crate) fn images(batch: &BatchTensors, brightest: f64) -> Tensor<3> {
    batch.float::<3>("images").div_scalar(brightest)
}

/// Returns the mean loss of a batch whose classes were predicted.
pub(crate) fn loss(logits: Tensor<2>, batch: &BatchTensors) -> Tensor<1> {
    cross_entropy(logits, batch.int::<1>("labels"))
}

/// Measures predictions: the share that is right, and the loss.
pub(crate) fn metrics(logits: Tensor<2>, batch: &BatchTensors) -> Vec<Metric> {
    let labels: Tensor<1, Int> = batch.int("labels");
    let found = logits.clone().argmax(1).reshape([batch.samples()]);
    let right = found.equal(labels).int().sum_dim(0).into_scalar::<i64>();
    let accuracy = right as f64 / batch.samples() as f64;
    let loss = f64::from(loss(logits, batch).into_scalar::<f32>());
    vec![
        Metric { name: "accuracy_share".into(), value: accuracy },
        Metric { name: "loss_nats".into(), value: loss },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_360_digits_are_held_out() {
        let (images, labels) = parse(IMAGES, LABELS).unwrap();
        assert_eq!(select(&images, &labels, Part::Training).unwrap().len(), 1437);
        assert_eq!(select(&images, &labels, Part::HeldOut).unwrap().len(), 360);
    }

    #[test]
    fn labels_have_to_fit_the_images() {
        assert!(parse(IMAGES, &LABELS[..100]).is_err());
        let mut fewer = LABELS.to_vec();
        fewer.pop();
        fewer[4..8].copy_from_slice(&1796u32.to_be_bytes());
        assert!(parse(IMAGES, &fewer).unwrap_err().contains("1796"));
        let mut eleventh = LABELS.to_vec();
        eleventh[8] = 10;
        assert!(parse(IMAGES, &eleventh).unwrap_err().contains("label 10"));
    }
}
