//! Data files of the lake as a DataFusion table: one file group in the order of commits, filters evaluated while decoding, every byte checked.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::internal_err;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::prelude::SessionContext;
use parquet::arrow::async_reader::AsyncFileReader;

use super::ReadError;
use crate::lake::data_file::{DataFile, DataFiles};
use crate::lake::{LakeFile, Row, Table};

/// Where DataFusion finds the files of a table of the lake. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    url: ObjectStoreUrl,
    pub files: DataFiles,
}

impl Source {
    /// Makes the files of `table` known to `context`.
    ///
    /// # Errors
    /// DataFusion cannot be set up.
    pub fn register<R: Row>(table: &Table<R>, context: &SessionContext) -> Result<Self, ReadError> {
        // Underscores are not allowed in the name of a host.
        let url = ObjectStoreUrl::parse(format!("lake://{}", R::TABLE.replace('_', "-")))?;
        context.runtime_env().register_object_store(url.as_ref(), table.files());
        Ok(Self { url, files: table.data_files().clone() })
    }
}

#[derive(Debug)]
pub struct LakeTable<R: Row> {
    pub source: Source,
    /// In the order in which rows come out.
    pub files: Vec<LakeFile<R>>,
}

#[async_trait]
impl<R: Row> TableProvider for LakeTable<R> {
    fn schema(&self) -> SchemaRef {
        R::schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// `Inexact` keeps a filter above the scan; the optimizer then asks the Parquet source, which takes what it can decide
    /// exactly while decoding.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let source = ParquetSource::new(R::schema())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(Checked(self.source.files.clone())));
        let named = |file: &LakeFile<R>| PartitionedFile::new(file.path.clone(), file.bytes).with_extension(DataFile::from(file));
        let files = self.files.iter().map(named).collect();
        let scan = FileScanConfigBuilder::new(self.source.url.clone(), Arc::new(source))
            .with_file_group(FileGroup::new(files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// Every file that is read says what its checksums are.
#[derive(Debug)]
struct Checked(DataFiles);

impl ParquetFileReaderFactory for Checked {
    fn create_reader(
        &self,
        _: usize,
        file: PartitionedFile,
        _: Option<usize>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>, DataFusionError> {
        let Some(file) = file.extension::<DataFile>() else {
            return internal_err!("{} is none of the lake's files", file.object_meta.location);
        };
        Ok(Box::new(self.0.reader(file.clone())))
    }
}
