"""Stage 0: from the queue (SQS) onto image-uploads."""
