import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

import org.apache.kafka.tools.DumpLogSegments;

/**
 * Runs kafka-dump-log for each line of standard input, its arguments separated by tabs, and writes what it printed: a length of
 * four bytes and so many bytes, standard output and standard error in one. An exception ends it as Java would report it.
 */
public class Dumps {
    public static void main(String[] none) throws Exception {
        PrintStream out = System.out;
        // Loggers greet on standard error when the first of them is made.
        System.setErr(new PrintStream(new ByteArrayOutputStream()));
        org.slf4j.LoggerFactory.getLogger(Dumps.class);
        DataOutputStream answers = new DataOutputStream(out);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] printed = run(line.split("\t"));
            answers.writeInt(printed.length);
            answers.write(printed);
        }
        answers.flush();
    }

    private static byte[] run(String[] arguments) {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(printed, true, StandardCharsets.UTF_8);
        System.setOut(stream);
        System.setErr(stream);
        File index = new File(arguments[1].replace(".timeindex", ".index"));
        boolean had = index.exists();
        try {
            DumpLogSegments.main(arguments);
        } catch (Throwable thrown) {
            stream.println("Exception in thread \"main\" " + thrown);
        }
        if (!had) {
            // The tool leaves an empty index behind where it misses one.
            index.delete();
        }
        stream.flush();
        return printed.toByteArray();
    }
}
