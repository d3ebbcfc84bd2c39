// What the page's scripts know of the data they are given and of the chart library that the page carries.
import type * as echarts from 'echarts';
import type { ReportData as Data } from '../report-data.ts';

declare global {
  type Echarts = typeof echarts;
  type ChartOption = echarts.EChartsCoreOption;
  type ReportData = Data;
  type Member = Data['members'][number];
  type MetricView = Data['metrics'][number];
  type Child = Node | string | number | undefined | null | false | readonly Child[];
}
