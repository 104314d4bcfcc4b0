export { Histogram, type HistogramProps } from "./Histogram";
export { LineChart, type LineChartProps, type Series, type SeriesStyle } from "./LineChart";
export { Sparkline, type SparklineProps } from "./Sparkline";
