CREATE TABLE classification_records (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_name VARCHAR(255) NOT NULL,
    image_url TEXT NOT NULL,
    classification VARCHAR(10) NOT NULL CHECK (classification IN ('cat', 'dog')),
    confidence DECIMAL(5,4) NOT NULL CHECK (confidence >= 0 AND confidence <= 1),
    processing_time INTEGER NOT NULL, -- milliseconds
    timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

-- Indexes for common queries
CREATE INDEX idx_classification_records_user_name ON classification_records(user_name);
CREATE INDEX idx_classification_records_timestamp ON classification_records(timestamp DESC);
CREATE INDEX idx_classification_records_classification ON classification_records(classification);
