// Prints each outcome of petstream once, and goes on where it stopped.
//
//   KAFKA_BOOTSTRAP_SERVERS=localhost:9092 node subscriber.js GROUP [COUNT]
import { Consumer, MessagesStreamFallbackModes, MessagesStreamModes, stringDeserializers } from '@platformatic/kafka'

const REMEMBERED = 100_000
const KNOWN = ['petstream.image.classified.v1', 'petstream.image.rejected.v1']
const prefix = process.env.KAFKA_TOPIC_PREFIX ?? ''
const [group, count] = process.argv.slice(2)

// Yours to write. If it throws, the process ends, and the event comes again after the next start.
function handle (event) {
  if (event.classification) {
    console.log(`${event.classification} ${event.confidence.toFixed(3)} ${event.image_url}`)
  } else {
    console.log(`${event.reason} ${event.image_url}`)
  }
}

const consumer = new Consumer({
  groupId: group,
  clientId: 'example',
  bootstrapBrokers: process.env.KAFKA_BOOTSTRAP_SERVERS.split(','),
  deserializers: stringDeserializers
})
const stream = await consumer.consume({
  topics: [`${prefix}image-classifications`, `${prefix}image-rejections`],
  autocommit: false, // it would commit what is not handled yet
  mode: MessagesStreamModes.COMMITTED,
  fallbackMode: MessagesStreamFallbackModes.EARLIEST
})

let stopping = false
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    stopping = true
    stream.close() // ends the loop below
  })
}

const seen = new Set()
let left = count === undefined ? Infinity : Number(count)
for await (const message of stream) {
  if (stopping) break // this one is not handled, and not committed
  const id = message.headers.get('ce_id')
  if (KNOWN.includes(message.headers.get('ce_type')) && !seen.has(id)) {
    handle(JSON.parse(message.value))
    seen.add(id)
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value) // a Set keeps its order: the oldest goes
    left -= 1
  }
  await message.commit()
  if (left === 0) break
}
await consumer.close(true)
