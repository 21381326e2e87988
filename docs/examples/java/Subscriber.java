import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints each outcome of petstream once, and goes on where it stopped.
 *
 * KAFKA_BOOTSTRAP_SERVERS=localhost:9092 java -cp 'lib/*' Subscriber.java GROUP [COUNT]
 */
public class Subscriber {
    static final int REMEMBERED = 100_000;
    static final Set<String> KNOWN = Set.of("petstream.image.classified.v1", "petstream.image.rejected.v1");
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    static volatile boolean stopping = false;

    /** Yours to write. If it throws, the events since the last commit come again. */
    static void handle(JsonNode event) {
        String url = event.get("image_url").asText();
        if (event.has("classification")) {
            double confidence = event.get("confidence").asDouble();
            OUT.printf(Locale.ROOT, "%s %.3f %s%n", event.get("classification").asText(), confidence, url);
        } else {
            OUT.printf("%s %s%n", event.get("reason").asText(), url);
        }
    }

    static String header(ConsumerRecord<?, ?> record, String name) {
        return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        long left = arguments.length > 1 ? Long.parseLong(arguments[1]) : Long.MAX_VALUE;
        String prefix = System.getenv().getOrDefault("KAFKA_TOPIC_PREFIX", "");
        Map<String, Object> options = Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"),
                ConsumerConfig.GROUP_ID_CONFIG, arguments[0],
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false, // it would commit what is not handled yet
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        Set<String> seen = Collections.newSetFromMap(new LinkedHashMap<>() {
            protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                return size() > REMEMBERED;
            }
        });
        var json = new ObjectMapper();
        Thread main = Thread.currentThread();
        Thread stop = new Thread(() -> {
            stopping = true;
            try {
                main.join();
            } catch (InterruptedException ignored) {
                return;
            }
            Runtime.getRuntime().halt(0); // a JVM that a signal ends says 143 otherwise
        });
        Runtime.getRuntime().addShutdownHook(stop);
        try (var consumer = new KafkaConsumer<>(options, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(prefix + "image-classifications", prefix + "image-rejections"));
            while (left > 0 && !stopping) {
                var handled = new HashMap<TopicPartition, OffsetAndMetadata>();
                for (var record : consumer.poll(Duration.ofMillis(500))) {
                    if (left == 0) break;
                    if (KNOWN.contains(header(record, "ce_type")) && seen.add(header(record, "ce_id"))) {
                        handle(json.readTree(record.value()));
                        left--;
                    }
                    var partition = new TopicPartition(record.topic(), record.partition());
                    handled.put(partition, new OffsetAndMetadata(record.offset() + 1));
                }
                consumer.commitSync(handled);
            }
        }
    }
}
