//! Data files of the lake as a DataFusion table: one file group in the order of commits, filters evaluated while decoding.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use super::ReadError;
use crate::lake::{LakeFile, Row, Table};

/// Footers, with their page indexes, are within this many bytes of the end of most files: one read instead of two.
const FOOTER_BYTES: usize = 128 * 1024;

/// Where DataFusion finds the files of a table of the lake. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    url: ObjectStoreUrl,
    footers: Arc<CachedParquetFileReaderFactory>,
}

impl Source {
    /// Makes the files of `table` known to `context`.
    ///
    /// # Errors
    /// DataFusion cannot be set up.
    pub fn register<R: Row>(table: &Table<R>, context: &SessionContext) -> Result<Self, ReadError> {
        // Underscores are not allowed in the name of a host.
        let url = ObjectStoreUrl::parse(format!("lake://{}", R::TABLE.replace('_', "-")))?;
        let runtime = context.runtime_env();
        runtime.register_object_store(url.as_ref(), table.files());
        // One cache for all tables: names of files never repeat.
        let cache = runtime.cache_manager.get_file_metadata_cache();
        Ok(Self { url, footers: Arc::new(CachedParquetFileReaderFactory::new(table.files(), cache)) })
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
            .with_metadata_size_hint(FOOTER_BYTES)
            .with_parquet_file_reader_factory(Arc::clone(&self.source.footers) as _);
        let files = self.files.iter().map(|file| PartitionedFile::new(file.path.clone(), file.bytes)).collect();
        let scan = FileScanConfigBuilder::new(self.source.url.clone(), Arc::new(source))
            .with_file_group(FileGroup::new(files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
