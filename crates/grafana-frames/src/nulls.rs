//! Clears the values under nulls. DuckDB leaves old memory there, which must not reach the readers of a
//! frame; and the same query must give the same bytes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, downcast_primitive_array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

/// Returns the column with zeros under its nulls. Text and JSON columns have no bytes there.
pub(super) fn zeroed(array: ArrayRef) -> ArrayRef {
    let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned() else { return array };
    let array = array.as_ref();
    downcast_primitive_array!(
        array => Arc::new(primitive(array, nulls)),
        DataType::Boolean => Arc::new(BooleanArray::new(array.as_boolean().values() & nulls.inner(), Some(nulls))),
        _ => array.slice(0, array.len())
    )
}

fn primitive<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, nulls: NullBuffer) -> PrimitiveArray<T> {
    let values = array.values().iter().zip(nulls.iter());
    let values: Vec<T::Native> =
        values.map(|(&value, valid)| if valid { value } else { T::Native::default() }).collect();
    PrimitiveArray::new(values.into(), Some(nulls)).with_data_type(array.data_type().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray, TimestampNanosecondArray};

    #[test]
    fn garbage_under_nulls_is_gone_and_values_stay() {
        let nulls = NullBuffer::from(vec![true, false, true]);
        let dirty: ArrayRef = Arc::new(Int64Array::new(vec![1, 0x005e_c2e7, 3].into(), Some(nulls.clone())));
        let clean = zeroed(dirty);
        assert_eq!(clean.as_primitive::<arrow::datatypes::Int64Type>().values()[..], [1, 0, 3]);
        assert_eq!(clean.null_count(), 1);
        let times =
            TimestampNanosecondArray::new(vec![1, 2, 3].into(), Some(nulls.clone())).with_timezone("UTC");
        assert_eq!(zeroed(Arc::new(times)).data_type().to_string(), "Timestamp(ns, \"UTC\")");
        let flags = BooleanArray::new(vec![true, true, false].into(), Some(nulls));
        assert_eq!(zeroed(Arc::new(flags)).as_boolean().values().count_set_bits(), 1);
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        assert_eq!(&zeroed(Arc::clone(&text)), &text);
    }
}
