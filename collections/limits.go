package collections

import "time"

// Limits for input from outside. A magnet or metainfo beyond one of them is refused.
const (
	MaxMetainfoBytes   = 10 << 20 // of a .torrent that a person uploads
	MaxBencodeDepth    = 64
	MaxBencodeTokens   = 3_000_000
	MaxPieces          = 1 << 21
	MaxFiles           = 100_000
	MaxFolders         = 200_000
	MaxPathDepth       = 64
	MaxComponentBytes  = 255
	MaxPathBytes       = 4096
	MaxMetadataBytes   = 16 << 20 // BEP 9 metadata exchange
	MaxStoredMetainfo  = MaxMetadataBytes + 1<<20
	MaxTrackers        = 200
	MaxWebseeds        = 100
	MaxURLBytes        = 2048 // of a tracker or webseed
	MaxMagnetPeers     = 100
	MaxNameBytes       = 255 // kept of a torrent's name
	MaxMagnetBytes     = 64 << 10
	MaxJSONBytes       = 128 << 10
	MaxLargeJSONBytes  = 1 << 20 // POST /jobs, /select, /jobs/bulk, /signed-urls
	MaxReportBytes     = 1 << 20
	MaxSizeBytes       = 1<<53 - 1 // PocketBase keeps numbers as float64
	MaxURLsPerRequest  = 100
	MaxPieceLength     = 1 << 30
	MinPasswordLength  = 12
	MaxIdempotencyKey  = 255
	MaxLabelBytes      = 255
	WholeTreeFiles     = 1000 // GET /jobs/{id}/files answers the whole tree up to here
	FileRowsPerTx      = 1000
	PresignedPartTTL   = time.Hour
	MaxDeliveryLinkTTL = 7 * 24 * time.Hour
)

// Times of the dispatcher.
const (
	Lease          = 15 * time.Second
	LeaseGrace     = 5 * time.Second
	LeaseSweep     = 2 * time.Second
	ReportInterval = time.Second
	ReportCoalesce = 20 * time.Millisecond
	ProgressWrite  = 10 * time.Second // at most one row write per job
	TurnPatience   = 10 * time.Minute // without new bytes, while others wait for the same content
	TokenTTL       = 5 * time.Minute
	MaxRetries     = 8
)
